{{/* The pod of a role: its metadata and its spec. */}}
{{- define "cyberun-mcp.pod" -}}
metadata:
  labels:
    {{- include "cyberun-mcp.podLabels" . | nindent 4 }}
  {{- with include "cyberun-mcp.podAnnotations" . }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
spec:
  {{- include "cyberun-mcp.podBase" . | nindent 2 }}
  terminationGracePeriodSeconds: {{ include "cyberun-mcp.gracePeriod" . }}
  {{- with .pod.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    {{- include "cyberun-mcp.container" . | nindent 4 }}
    {{- with .pod.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "cyberun-mcp.volumes" . | nindent 4 }}
  {{- with include "cyberun-mcp.placement" . }}
  {{- trim . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Credentials of registries, those of a parent chart included; nothing where there are none. */}}
{{- define "cyberun-mcp.pullSecrets" -}}
{{- $secrets := list -}}
{{- range concat ((.Values.global | default dict).imagePullSecrets | default list) .Values.image.pullSecrets | uniq -}}
{{- $secrets = append $secrets (dict "name" (ternary . (get (ternary dict . (kindIs "string" .)) "name") (kindIs "string" .))) -}}
{{- end -}}
{{- with $secrets }}{{ toYaml . }}{{ end -}}
{{- end }}

{{/* What pods of every role have, Jobs and the test included. */}}
{{- define "cyberun-mcp.podBase" -}}
{{- with include "cyberun-mcp.podServiceAccount" . -}}
serviceAccountName: {{ . }}
{{ end -}}
automountServiceAccountToken: {{ ternary true false (eq (include "cyberun-mcp.runsJobs" .) "true") }}
# A Service named cyberun would otherwise put CYBERUN_… variables into the process.
enableServiceLinks: false
{{- with include "cyberun-mcp.pullSecrets" . }}
imagePullSecrets:
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "cyberun-mcp.podSecurityContext" . | nindent 2 }}
{{- end }}

{{/*
Hooks run before the ServiceAccount of the release is there, so they have the one that each namespace has. An agent that makes
Jobs has rights that no other pod has.
*/}}
{{- define "cyberun-mcp.podServiceAccount" -}}
{{- if include "cyberun-mcp.runsJobs" . }}{{ .pod.executor.serviceAccountName | default (include "cyberun-mcp.roleName" .) }}{{ else if ne .role "migrate" }}{{ include "cyberun-mcp.serviceAccountName" . }}{{ end -}}
{{- end }}

{{/* "true" for a role that keeps data of its own on a volume. */}}
{{- define "cyberun-mcp.ownsVolume" -}}
{{- if or (include "cyberun-mcp.isTrial" .) (eq .role "agent") (eq .role "runtime") }}true{{ end -}}
{{- end }}

{{- define "cyberun-mcp.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.securityContext.runAsUser }}
runAsUser: {{ int64 . }}
{{- end }}
{{- with .Values.securityContext.runAsGroup }}
runAsGroup: {{ int64 . }}
{{- end }}
{{- if include "cyberun-mcp.ownsVolume" . }}
{{- with .Values.securityContext.fsGroup }}
fsGroup: {{ int64 . }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "cyberun-mcp.containerBase" -}}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- define "cyberun-mcp.container" -}}
- name: cyberun-mcp
  image: {{ include "cyberun-mcp.image" . | quote }}
  {{- include "cyberun-mcp.containerBase" . | nindent 2 }}
  args: {{ include "cyberun-mcp.arguments" . }}
  env:
    {{- include "cyberun-mcp.environment" . | nindent 4 }}
    {{- with include "cyberun-mcp.extraEnv" . }}
    {{- trim . | nindent 4 }}
    {{- end }}
  {{- with .pod.extraEnvFrom }}
  envFrom:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if include "cyberun-mcp.runsJobs" . }}
  ports:
    - name: runs
      containerPort: 8090
  {{- else if ne .role "agent" }}
  ports:
    - name: http
      containerPort: 8080
    - name: health
      containerPort: {{ int64 .Values.healthPort }}
    {{- if .Values.metrics.enabled }}
    - name: metrics
      containerPort: {{ int64 .Values.metrics.port }}
    {{- end }}
  {{- end }}
  resources:
    {{- include "cyberun-mcp.resources" . | nindent 4 }}
  {{- with .pod.lifecycle }}
  lifecycle:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if ne .role "agent" }}
  {{- include "cyberun-mcp.probes" . | nindent 2 }}
  {{- end }}
  volumeMounts:
    {{- include "cyberun-mcp.volumeMounts" . | nindent 4 }}
{{- end }}

{{- define "cyberun-mcp.arguments" -}}
{{- if eq .role "agent" }}[agent]{{ else }}[serve, --role, {{ ternary "all" .role (eq .Values.mode "trial") }}]{{ end -}}
{{- end }}

{{/* Seconds until the kill: an agent finishes runs before, and then ends and returns the others. */}}
{{- define "cyberun-mcp.gracePeriod" -}}
{{- if eq .role "agent" -}}
{{- .pod.terminationGracePeriodSeconds | default (add (include "cyberun-mcp.agentDrainSeconds" .) 30) | int -}}
{{- else -}}
{{- .Values.terminationGracePeriodSeconds -}}
{{- end -}}
{{- end }}

{{/* Answered by a thread of its own, so that a busy process does not look like a dead one. */}}
{{- define "cyberun-mcp.probes" -}}
startupProbe:
  httpGet:
    path: /health/ready
    port: health
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: {{ divf .Values.startupSeconds 2 | ceil }}
readinessProbe:
  httpGet:
    path: /health/ready
    port: health
  periodSeconds: 5
  timeoutSeconds: 2
  failureThreshold: 3
livenessProbe:
  httpGet:
    path: /health/live
    port: health
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}
