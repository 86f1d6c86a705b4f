{{/*
A role is one kind of pod: mcp (also the one pod of a trial), runtime, agent, migrate or test. Templates of a role get the
values of Helm and `role`, and `pod`, the values of its pods; without them they speak of role mcp.
*/}}

{{/* Base of all object names: short enough for the longest suffix, "-workflows". */}}
{{- define "cyberun-mcp.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- end }}

{{- define "cyberun-mcp.isMcp" -}}
{{- if eq (.role | default "mcp") "mcp" }}true{{ end -}}
{{- end }}

{{/* What the names of a role end in; a pool of agents has its name behind it. */}}
{{- define "cyberun-mcp.suffix" -}}
{{- if not (include "cyberun-mcp.isMcp" .) }}-{{ .role }}{{ with .pool }}-{{ . }}{{ end }}{{ end -}}
{{- end }}

{{- define "cyberun-mcp.roleName" -}}
{{ include "cyberun-mcp.fullname" . }}{{ include "cyberun-mcp.suffix" . }}
{{- end }}

{{/* A Deployment finds its pods by these, so they never change: role mcp has none but the two it had first. */}}
{{- define "cyberun-mcp.selectorLabels" -}}
{{- $suffix := include "cyberun-mcp.suffix" . -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc (sub 63 (len $suffix) | int) | trimSuffix "-" }}{{ $suffix }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "cyberun-mcp.labels" -}}
{{ include "cyberun-mcp.selectorLabels" . }}
app.kubernetes.io/component: {{ .role | default "mcp" }}
app.kubernetes.io/part-of: {{ include "cyberun-mcp.fullname" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- with .Values.commonLabels }}
{{ include "cyberun-mcp.strings" . }}
{{- end }}
{{- end }}

{{/* Labels of pods: without versions, so that a new chart alone restarts nothing. */}}
{{- define "cyberun-mcp.podLabels" -}}
{{- $labels := include "cyberun-mcp.selectorLabels" . | fromYaml -}}
{{- $_ := set $labels "app.kubernetes.io/component" (.role | default "mcp") -}}
{{- $_ := set $labels "app.kubernetes.io/part-of" (include "cyberun-mcp.fullname" .) -}}
{{- range $map := list .Values.commonLabels .pod.podLabels -}}
{{- range $key, $value := $map }}{{ $_ := set $labels $key (include "cyberun-mcp.string" $value) }}{{ end -}}
{{- end -}}
{{ toYaml $labels }}
{{- end }}

{{/*
Name, namespace, labels and annotations of an object. `name`, `namespace`, `objectLabels` and `annotations` of the context win
over what the role, the release, the chart and commonAnnotations say.
*/}}
{{- define "cyberun-mcp.metadata" -}}
{{- $labels := include "cyberun-mcp.labels" . | fromYaml -}}
{{- range $key, $value := .objectLabels }}{{ $_ := set $labels $key (include "cyberun-mcp.string" $value) }}{{ end -}}
name: {{ .name | default (include "cyberun-mcp.roleName" .) }}
namespace: {{ .namespace | default .Release.Namespace | toYaml }}
labels:
  {{- toYaml $labels | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .Values.commonAnnotations }}
annotations:
  {{- include "cyberun-mcp.strings" . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "cyberun-mcp.serviceAccountName" -}}
{{- default (ternary (include "cyberun-mcp.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end }}

{{/* A value as text: what Kubernetes asks for where people write numbers and booleans. */}}
{{- define "cyberun-mcp.string" -}}
{{- if kindIs "string" . }}{{ . }}{{ else if not (kindIs "invalid" .) }}{{ toJson . }}{{ end -}}
{{- end }}

{{- define "cyberun-mcp.strings" -}}
{{- $strings := dict -}}
{{- range $key, $value := . }}{{ $_ := set $strings $key (include "cyberun-mcp.string" $value) }}{{ end -}}
{{- toYaml $strings -}}
{{- end }}
