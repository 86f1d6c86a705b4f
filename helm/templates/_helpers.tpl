{{- define "cyberun-mcp.image" -}}
{{- if and (eq .role "agent") .pod.image -}}
{{ .pod.image }}
{{- else -}}
{{- $registry := (.Values.global | default dict).imageRegistry | default .Values.image.registry -}}
{{- with .Values.image -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ end -}}
{{- end -}}
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

{{/* "true" where the cluster decides on the number of pods, which it does not while there are none by intention. */}}
{{- define "cyberun-mcp.isScaled" -}}
{{- if and (or .Values.autoscaling.enabled .Values.keda.enabled) (ne (toString .Values.replicaCount) "0") }}true{{ end -}}
{{- end }}

{{/* The number of pods that replicaCount names, which may be 0, or the one of the mode. */}}
{{- define "cyberun-mcp.replicas" -}}
{{- if kindIs "invalid" .Values.replicaCount }}{{ ternary 1 2 (eq .Values.mode "trial") }}{{ else }}{{ int .Values.replicaCount }}{{ end -}}
{{- end }}

{{/* How many pods there can be at the most. */}}
{{- define "cyberun-mcp.maxReplicas" -}}
{{- if include "cyberun-mcp.isScaled" . }}{{ int (ternary .Values.keda .Values.autoscaling .Values.keda.enabled).maxReplicas }}{{ else }}{{ include "cyberun-mcp.replicas" . }}{{ end -}}
{{- end }}

{{/*
The line `replicas` of the Deployment. An autoscaler owns the number: an upgrade repeats what the cluster has, since
Kubernetes takes a missing line for 1 when it was there before. Without a cluster (helm template) nothing is found and the
line is left out.
*/}}
{{- define "cyberun-mcp.replicasLine" -}}
{{- if include "cyberun-mcp.isScaled" . -}}
{{- $live := lookup "apps/v1" "Deployment" .Release.Namespace (include "cyberun-mcp.roleName" .) -}}
{{- if $live -}}
replicas: {{ dig "spec" "replicas" 0 $live | int | default (int (ternary .Values.keda .Values.autoscaling .Values.keda.enabled).minReplicas) }}
{{- end -}}
{{- else -}}
replicas: {{ include "cyberun-mcp.replicas" . }}
{{- end -}}
{{- end }}

{{/* The Runtime API that values.yaml names; a test compares the two. */}}
{{- define "cyberun-mcp.hostedRuntimeUrl" -}}
https://core.cyberun.cloud/api/v1
{{- end }}

{{- define "cyberun-mcp.resources" -}}
{{- $resources := deepCopy .pod.resources -}}
{{- if not $resources -}}
{{- $small := dict "requests" (dict "cpu" "100m" "memory" "128Mi") "limits" (dict "memory" "512Mi") -}}
{{- $large := dict "requests" (dict "cpu" "500m" "memory" "512Mi") "limits" (dict "memory" "2Gi") -}}
{{- if eq .role "runtime" }}{{ $_ := set $large.requests "cpu" "250m" }}{{ end -}}
{{- $resources = ternary $small $large (or (and (eq .role "mcp") (ne .Values.mode "trial")) (eq (include "cyberun-mcp.runsJobs" .) "true")) -}}
{{- end -}}
{{- if and (eq .role "agent") .pod.gpus -}}
{{- $_ := set $resources "limits" (merge (dict .pod.gpuResource (int .pod.gpus)) ($resources.limits | default dict)) -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end }}
