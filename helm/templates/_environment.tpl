{{/* The settings of the process (docs/configuration.md), each from the value that checks.yaml names beside it. */}}
{{- define "cyberun-mcp.environment" -}}
- name: CYBERUN_HTTP_HOST
  value: {{ .Values.listenHost | quote }}
- name: CYBERUN_HTTP_PORT
  value: '8080'
- name: CYBERUN_HTTP_PUBLIC_URL
  value: {{ include "cyberun-mcp.publicUrl" . | quote }}
- name: CYBERUN_MCP_ALLOWED_HOSTS
  value: {{ include "cyberun-mcp.allowedHosts" . | quote }}
{{- with .Values.mcp.allowedOrigins }}
- name: CYBERUN_MCP_ALLOWED_ORIGINS
  value: {{ join "," . | quote }}
{{- end }}
{{- with .Values.mcp.corsOrigins }}
- name: CYBERUN_HTTP_CORS_ORIGINS
  value: {{ join "," . | quote }}
{{- end }}
- name: CYBERUN_MCP_SESSION_IDLE_SECONDS
  value: {{ int64 .Values.mcp.sessionIdleSeconds | quote }}
- name: CYBERUN_MCP_SESSIONS_PER_KEY
  value: {{ int64 .Values.mcp.sessionsPerKey | quote }}
- name: CYBERUN_MCP_BODY_LIMIT_BYTES
  value: {{ int64 .Values.mcp.bodyLimitBytes | quote }}
{{- with .Values.mcp.toolsets }}
- name: CYBERUN_MCP_TOOLSETS
  value: {{ join "," . | quote }}
{{- end }}
{{- if .Values.redis.existingSecret }}
- name: CYBERUN_REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.redis.existingSecret }}
      key: {{ .Values.redis.key }}
{{- else if .Values.redis.url }}
- name: CYBERUN_REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ include "cyberun-mcp.secretName" . }}
      key: redis-url
{{- end }}
- name: CYBERUN_RUNTIME_TIMEOUT_MS
  value: {{ int64 .Values.runtime.timeoutMs | quote }}
- name: CYBERUN_RUNTIME_RESPONSE_LIMIT_BYTES
  value: {{ int64 .Values.runtime.responseLimitBytes | quote }}
{{- if .Values.metrics.enabled }}
- name: CYBERUN_METRICS_PORT
  value: {{ int64 .Values.metrics.port | quote }}
{{- end }}
- name: CYBERUN_LOGGER_LEVEL
  value: {{ .Values.logger.level }}
- name: CYBERUN_LOGGER_FORMAT
  value: {{ .Values.logger.format }}
{{- if include "cyberun-mcp.isTrial" . }}
{{ include "cyberun-mcp.trialEnvironment" . }}
{{- else }}
- name: CYBERUN_RUNTIME_URL
  value: {{ .Values.runtime.url | quote }}
{{- end }}
{{- end }}

{{- define "cyberun-mcp.trialEnvironment" -}}
{{- $trial := .Values.trial -}}
- name: CYBERUN_DATA_DIR
  {{- /* The volume itself belongs to root and is open to its group; this folder is the process's own, and closed. */}}
  value: /data/cyberun
{{- with $trial.bootstrapKey.existingSecret }}
- name: CYBERUN_BOOTSTRAP_KEY
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $trial.bootstrapKey.key }}
{{- end }}
- name: CYBERUN_AGENT_SLOTS
  value: {{ int64 $trial.agent.slots | quote }}
- name: CYBERUN_AGENT_LABELS
  value: {{ join "," $trial.agent.labels | quote }}
- name: CYBERUN_FILES_MAX_BYTES
  value: {{ int64 $trial.files.maxBytes | quote }}
- name: CYBERUN_FILES_INPUT_DAYS
  value: {{ int64 $trial.files.inputDays | quote }}
- name: CYBERUN_FILES_OUTPUT_DAYS
  value: {{ int64 $trial.files.outputDays | quote }}
{{- range $kind := list "workflows" "services" }}
{{- if get $trial $kind }}
- name: CYBERUN_{{ upper $kind }}_DIR
  value: /etc/cyberun-mcp/{{ $kind }}
{{- end }}
{{- end }}
{{- end }}
