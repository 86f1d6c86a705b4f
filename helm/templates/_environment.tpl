{{/* The settings of a process (docs/configuration.md), each from the value that checks-pods.yaml names beside it. */}}
{{- define "cyberun-mcp.environment" -}}
{{- if eq .role "agent" -}}
{{ include "cyberun-mcp.agentEnvironment" . }}
{{- else if eq .role "runtime" -}}
{{ include "cyberun-mcp.serverEnvironment" . }}
{{ include "cyberun-mcp.runtimeEnvironment" . }}
{{- else -}}
{{ include "cyberun-mcp.serverEnvironment" . }}
{{ include "cyberun-mcp.mcpEnvironment" . }}
{{- if include "cyberun-mcp.isTrial" . }}
{{ include "cyberun-mcp.trialEnvironment" . }}
{{- else }}
- name: CYBERUN_RUNTIME_URL
  value: {{ include "cyberun-mcp.runtimeUrl" . | quote }}
{{- if or (include "cyberun-mcp.isTeam" .) .Values.runtime.forwardLinks }}
{{- /* Where no Ingress leads to the runtime, its links arrive here. */}}
- name: CYBERUN_RUNTIME_FORWARD_LINKS
  value: 'true'
{{- end }}
{{- end }}
{{- end }}
- name: CYBERUN_LOGGER_LEVEL
  value: {{ .Values.logger.level }}
- name: CYBERUN_LOGGER_FORMAT
  value: {{ .Values.logger.format }}
{{- include "cyberun-mcp.tracingEnvironment" .Values.tracing }}
{{- end }}

{{/* The pods of Jobs have it from their agent. */}}
{{- define "cyberun-mcp.tracingEnvironment" -}}
{{- if .endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .endpoint | quote }}
{{- with .headers.existingSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.headers.key }}
{{- end }}
- name: OTEL_TRACES_SAMPLER
  value: {{ .sampler }}
{{- if contains "traceidratio" .sampler }}
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ .samplerRatio | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "cyberun-mcp.serverEnvironment" -}}
- name: CYBERUN_HTTP_HOST
  value: {{ .Values.listenHost | quote }}
- name: CYBERUN_HTTP_PORT
  value: '8080'
- name: CYBERUN_HTTP_PUBLIC_URL
  value: {{ include "cyberun-mcp.publicUrl" . | quote }}
- name: CYBERUN_HEALTH_PORT
  value: {{ int64 .Values.healthPort | quote }}
{{- if not (include "cyberun-mcp.isTrial" .) }}
- name: CYBERUN_HTTP_DRAIN_SECONDS
  value: {{ int64 .Values.preStopSeconds | quote }}
{{- end }}
{{- if .Values.metrics.enabled }}
- name: CYBERUN_METRICS_PORT
  value: {{ int64 .Values.metrics.port | quote }}
{{- end }}
{{- end }}

{{- define "cyberun-mcp.mcpEnvironment" -}}
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
{{- if .Values.mcp.readOnly }}
- name: CYBERUN_MCP_READ_ONLY
  value: 'true'
{{- end }}
{{- with .Values.mcp.tools }}
- name: CYBERUN_MCP_TOOLS
  value: {{ join "," . | quote }}
{{- end }}
{{- include "cyberun-mcp.limitsEnvironment" .Values.limits }}
{{- if include "cyberun-mcp.hasRedis" . }}
- name: CYBERUN_REDIS_URL
  {{- include "cyberun-mcp.fromSecret" (merge (omit . "secret") (dict "secret" .Values.redis "ownKey" "redis-url")) | nindent 2 }}
{{- end }}
- name: CYBERUN_RUNTIME_TIMEOUT_MS
  value: {{ int64 .Values.runtime.timeoutMs | quote }}
- name: CYBERUN_RUNTIME_RESPONSE_LIMIT_BYTES
  value: {{ int64 .Values.runtime.responseLimitBytes | quote }}
{{- end }}

{{/* Rates and quotas of MCP requests. */}}
{{- define "cyberun-mcp.limitsEnvironment" -}}
{{- include "cyberun-mcp.ratesEnvironment" . }}
{{- include "cyberun-mcp.numbers" (list (list "CYBERUN_MCP_CALLS_PER_KEY" .callsPerKey) (list "CYBERUN_MCP_STREAMS_PER_KEY" .streamsPerKey)) }}
{{- end }}

{{- define "cyberun-mcp.ratesEnvironment" -}}
{{- with .trustedProxies }}
- name: CYBERUN_HTTP_TRUSTED_PROXIES
  value: {{ join "," . | quote }}
{{- end }}
{{- include "cyberun-mcp.numbers" (list
  (list "CYBERUN_HTTP_RATE_PER_ADDRESS" .requestsPerAddress)
  (list "CYBERUN_HTTP_RATE_PER_KEY" .requestsPerKey)
  (list "CYBERUN_HTTP_FAILED_KEYS_PER_ADDRESS" .failedKeysPerAddress)) }}
{{- end }}

{{/* Pairs of a variable and its number, without those that have none. */}}
{{- define "cyberun-mcp.numbers" -}}
{{- range $setting := . }}
{{- with index $setting 1 }}
- name: {{ index $setting 0 }}
  value: {{ int64 . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "cyberun-mcp.trialEnvironment" -}}
{{- $trial := .Values.trial -}}
- name: CYBERUN_DATA_DIR
  {{- /* The volume itself belongs to root and is open to its group; this folder is the process's own, and closed. */}}
  value: /data/cyberun
{{- include "cyberun-mcp.consoleEnvironment" . }}
{{- include "cyberun-mcp.definitionsEnvironment" . }}
{{- include "cyberun-mcp.bootstrapKey" $trial.bootstrapKey }}
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
{{- end }}

{{- define "cyberun-mcp.runtimeEnvironment" -}}
- name: CYBERUN_DATA_DIR
  value: /data/cyberun
{{- include "cyberun-mcp.consoleEnvironment" . }}
{{- with .Values.limits.podNetworks }}
{{- /* The pods of the endpoint are among the proxies, so that what they have counted does not count again. */}}
{{- include "cyberun-mcp.ratesEnvironment" (merge (dict "trustedProxies" (concat $.Values.limits.trustedProxies . | uniq)) $.Values.limits) }}
{{- end }}
{{- include "cyberun-mcp.definitionsEnvironment" . }}
{{- include "cyberun-mcp.bootstrapKey" .Values.runtime.bootstrapKey }}
{{ include "cyberun-mcp.databaseEnvironment" . }}
{{- with .Values.s3 }}
- name: CYBERUN_S3_ENDPOINT
  value: {{ .endpoint | quote }}
{{- with .publicEndpoint }}
- name: CYBERUN_S3_PUBLIC_ENDPOINT
  value: {{ . | quote }}
{{- end }}
- name: CYBERUN_S3_BUCKET
  value: {{ .bucket | quote }}
- name: CYBERUN_S3_REGION
  value: {{ .region | quote }}
- name: CYBERUN_S3_ADDRESSING
  value: {{ .addressing }}
{{- range $variable, $key := dict "ACCESS_KEY_ID" .accessKeyIdKey "SECRET_ACCESS_KEY" .secretAccessKeyKey "SESSION_TOKEN" .sessionTokenKey }}
{{- if $key }}
- name: CYBERUN_S3_{{ $variable }}
  valueFrom:
    secretKeyRef:
      name: {{ $.Values.s3.existingSecret }}
      key: {{ $key }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "cyberun-mcp.consoleEnvironment" -}}
{{- if not .Values.runtime.console }}
- name: CYBERUN_CONSOLE
  value: 'off'
{{- end }}
{{- end }}

{{- define "cyberun-mcp.databaseEnvironment" -}}
- name: CYBERUN_DATABASE_URL
  {{- include "cyberun-mcp.fromSecret" (merge (omit . "secret") (dict "secret" .Values.database "ownKey" "database-url")) | nindent 2 }}
{{- end }}

{{- define "cyberun-mcp.agentEnvironment" -}}
- name: CYBERUN_AGENT_GATEWAY
  value: http://{{ include "cyberun-mcp.runtimeHost" . }}
- name: CYBERUN_AGENT_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .pod.key.existingSecret }}
      key: {{ .pod.key.key }}
- name: CYBERUN_AGENT_ID
{{- if include "cyberun-mcp.runsJobs" . }}
  {{- /* The next pod finds the Jobs of this one by it. */}}
  value: {{ include "cyberun-mcp.roleName" . }}
{{- else }}
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- end }}
- name: CYBERUN_AGENT_SLOTS
  value: {{ int64 .pod.slots | quote }}
- name: CYBERUN_AGENT_LABELS
  value: {{ join "," .pod.labels | quote }}
- name: CYBERUN_AGENT_DRAIN_SECONDS
  value: {{ include "cyberun-mcp.agentDrainSeconds" . | quote }}
- name: CYBERUN_AGENT_WORK_DIR
  {{- /* The volume itself may belong to root; this folder is the process's own. */}}
  value: /work/agent
{{- if include "cyberun-mcp.runsJobs" . }}
- name: CYBERUN_AGENT_EXECUTOR
  value: kubernetes
- name: CYBERUN_AGENT_KUBERNETES_IMAGE
  value: {{ .pod.executor.image | default (include "cyberun-mcp.image" .) | quote }}
- name: CYBERUN_AGENT_KUBERNETES_URL
  value: http://{{ include "cyberun-mcp.roleName" . }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}:8090
- name: CYBERUN_AGENT_KUBERNETES_PORT
  value: '8090'
- name: CYBERUN_AGENT_KUBERNETES_NAMESPACE
  value: {{ include "cyberun-mcp.jobsNamespace" . | quote }}
- name: CYBERUN_AGENT_KUBERNETES_OWNER
  value: {{ include "cyberun-mcp.roleName" . }}-owner
- name: CYBERUN_AGENT_KUBERNETES_PROFILES
  value: /etc/cyberun-mcp/profiles/profiles.yaml
{{- end }}
{{- end }}

{{- define "cyberun-mcp.bootstrapKey" -}}
{{- if .existingSecret }}
- name: CYBERUN_BOOTSTRAP_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .key }}
{{- end }}
{{- end }}

{{- define "cyberun-mcp.definitionsEnvironment" -}}
{{- range $kind := include "cyberun-mcp.definitionKinds" . | fromJsonArray }}
- name: CYBERUN_{{ upper $kind }}_DIR
  value: /etc/cyberun-mcp/{{ $kind }}
{{- end }}
{{- end }}

{{/* The kinds of definitions that the values hold for this role, as a list of JSON. */}}
{{- define "cyberun-mcp.definitionKinds" -}}
{{- $holder := dict -}}
{{- if include "cyberun-mcp.isTrial" . }}{{ $holder = .Values.trial }}{{ else if eq .role "runtime" }}{{ $holder = .Values.runtime }}{{ end -}}
{{- $kinds := list -}}
{{- range list "workflows" "services" }}{{ if get $holder . }}{{ $kinds = append $kinds . }}{{ end }}{{ end -}}
{{- toJson $kinds -}}
{{- end }}
