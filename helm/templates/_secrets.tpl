{{/*
Values that hold a password, and environment variables that look like one, are in a Secret of the role, since everyone who
may read Deployments would see them there.
*/}}

{{- define "cyberun-mcp.secretName" -}}
{{ include "cyberun-mcp.roleName" . }}-env
{{- end }}

{{/*
"true" for a variable with a name or a value as secrets have. It is a guess: one too many only moves to the Secret. A URL counts
with anything before an @, since passwords may hold a raw slash and tokens stand there alone.
*/}}
{{- define "cyberun-mcp.isSecret" -}}
{{- $value := include "cyberun-mcp.string" .value -}}
{{- $names := "(PASS(WORD|WD|PHRASE)?|PWD|SECRET|TOKEN|CREDENTIALS?|API_?KEY|_KEY|HEADERS?|DSN)[0-9_]*$" -}}
{{- $values := list "://\\S*@" "^[sad]k-" "(?i)\\b(bearer|basic)(\\s|%20)+\\S" "^(gh[a-z]_|github_pat_|glpat-|xox[a-z]-|AKIA|eyJ)" "PRIVATE KEY-----" -}}
{{- $found := regexMatch $names (upper .name) -}}
{{- range $values }}{{ if regexMatch . $value }}{{ $found = true }}{{ end }}{{ end -}}
{{- if and $found $value }}true{{ end -}}
{{- end }}

{{/* What the Secret of a role holds; nothing when it needs none. */}}
{{- define "cyberun-mcp.secretData" -}}
{{- $data := dict -}}
{{- if and (eq .role "mcp") .Values.redis.url }}{{ $_ := set $data "redis-url" .Values.redis.url }}{{ end -}}
{{- if and (has .role (list "runtime" "migrate")) .Values.database.url }}{{ $_ := set $data "database-url" .Values.database.url }}{{ end -}}
{{- range .pod.extraEnv -}}
{{- if include "cyberun-mcp.isSecret" . }}{{ $_ := set $data .name (include "cyberun-mcp.string" .value) }}{{ end -}}
{{- end -}}
{{- with $data }}{{ toYaml . }}{{ end -}}
{{- end }}

{{- define "cyberun-mcp.secret" -}}
{{- with include "cyberun-mcp.secretData" . }}
---
apiVersion: v1
kind: Secret
metadata:
  {{- include "cyberun-mcp.metadata" (merge (omit $ "name") (dict "name" (include "cyberun-mcp.secretName" $))) | nindent 2 }}
type: Opaque
stringData:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where a variable is read from: the Secret that the values name (`secret`), or `ownKey` of the role's own. */}}
{{- define "cyberun-mcp.fromSecret" -}}
valueFrom:
  secretKeyRef:
    name: {{ .secret.existingSecret | default (include "cyberun-mcp.secretName" .) }}
    key: {{ ternary .secret.key .ownKey (ne .secret.existingSecret "") }}
{{- end }}

{{/* extraEnv of a role, as a container has it. */}}
{{- define "cyberun-mcp.extraEnv" -}}
{{- range .pod.extraEnv }}
- name: {{ .name }}
  {{- if .valueFrom }}
  valueFrom:
    {{- toYaml .valueFrom | nindent 4 }}
  {{- else if include "cyberun-mcp.isSecret" . }}
  valueFrom:
    secretKeyRef:
      name: {{ include "cyberun-mcp.secretName" $ }}
      key: {{ .name }}
  {{- else }}
  value: {{ include "cyberun-mcp.string" .value | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Annotations that change with what the pods read only at their start. */}}
{{- define "cyberun-mcp.podAnnotations" -}}
{{- $annotations := deepCopy .pod.podAnnotations -}}
{{- with include "cyberun-mcp.secretData" . }}{{ $_ := set $annotations "checksum/secret" (sha256sum .) }}{{ end -}}
{{- with include "cyberun-mcp.jobProfiles" . }}{{ $_ := set $annotations "checksum/profiles" (sha256sum .) }}{{ end -}}
{{- if ne (include "cyberun-mcp.definitionKinds" .) "[]" -}}
{{- $_ := set $annotations "checksum/definitions" (include (print $.Template.BasePath "/definitions.yaml") . | sha256sum) -}}
{{- end -}}
{{- with $annotations }}{{ include "cyberun-mcp.strings" . }}{{ end -}}
{{- end }}
