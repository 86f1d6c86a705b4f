{{/* Base of all object names: short enough for the longest suffix, "-workflows". */}}
{{- define "cyberun-mcp.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- end }}

{{- define "cyberun-mcp.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "cyberun-mcp.labels" -}}
{{ include "cyberun-mcp.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end }}

{{- define "cyberun-mcp.serviceAccountName" -}}
{{- default (ternary (include "cyberun-mcp.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end }}

{{- define "cyberun-mcp.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ end -}}
{{- end -}}
{{- end }}

{{/* "true" in mode trial, else nothing. */}}
{{- define "cyberun-mcp.isTrial" -}}
{{- if eq .Values.mode "trial" }}true{{ end -}}
{{- end }}

{{/* "true" where pods share their sessions, else nothing. */}}
{{- define "cyberun-mcp.hasRedis" -}}
{{- if or .Values.redis.url .Values.redis.existingSecret }}true{{ end -}}
{{- end }}

{{- define "cyberun-mcp.replicas" -}}
{{- .Values.replicaCount | default (ternary 1 2 (eq .Values.mode "trial")) -}}
{{- end }}

{{/* How many pods there can be at the most. */}}
{{- define "cyberun-mcp.maxReplicas" -}}
{{- ternary .Values.autoscaling.maxReplicas (include "cyberun-mcp.replicas" . | int) .Values.autoscaling.enabled -}}
{{- end }}

{{/* The Runtime API that values.yaml names; a test compares the two. */}}
{{- define "cyberun-mcp.hostedRuntimeUrl" -}}
https://core.cyberun.cloud/api/v1
{{- end }}

{{- define "cyberun-mcp.resources" -}}
{{- if .Values.resources -}}
{{ toYaml .Values.resources }}
{{- else if include "cyberun-mcp.isTrial" . -}}
requests:
  cpu: 500m
  memory: 512Mi
limits:
  memory: 2Gi
{{- else -}}
requests:
  cpu: 100m
  memory: 128Mi
limits:
  memory: 512Mi
{{- end -}}
{{- end }}
