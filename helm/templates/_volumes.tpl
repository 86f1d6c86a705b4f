{{/* The chart's own volumes of a role; checks-pods.yaml refuses their names and paths in extraVolumes and extraVolumeMounts. */}}

{{- define "cyberun-mcp.ownMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if or (include "cyberun-mcp.isTrial" .) (eq .role "runtime") }}
- name: data
  mountPath: /data
{{- end }}
{{- if eq .role "agent" }}
- name: work
  mountPath: /work
{{- end }}
{{- if include "cyberun-mcp.runsJobs" . }}
- name: profiles
  mountPath: /etc/cyberun-mcp/profiles
  readOnly: true
{{- end }}
{{- range $kind := include "cyberun-mcp.definitionKinds" . | fromJsonArray }}
- name: {{ $kind }}
  mountPath: /etc/cyberun-mcp/{{ $kind }}
  readOnly: true
{{- end }}
{{- end }}

{{- define "cyberun-mcp.volumeMounts" -}}
{{ include "cyberun-mcp.ownMounts" . }}
{{- with .pod.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "cyberun-mcp.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.tmpSizeLimit }}
{{- if include "cyberun-mcp.isTrial" . }}
- name: data
  persistentVolumeClaim:
    claimName: {{ .Values.trial.persistence.existingClaim | default (print (include "cyberun-mcp.fullname" .) "-data") }}
{{- else if eq .role "runtime" }}
# A lock and a socket: tasks are in PostgreSQL, files in the object store.
- name: data
  emptyDir:
    sizeLimit: 64Mi
{{- else if eq .role "agent" }}
- name: work
  {{- toYaml (.pod.workVolume | default (dict "emptyDir" (dict "sizeLimit" .pod.workSizeLimit))) | nindent 2 }}
{{- end }}
{{- if include "cyberun-mcp.runsJobs" . }}
- name: profiles
  configMap:
    name: {{ include "cyberun-mcp.roleName" . }}-profiles
{{- end }}
{{- range $kind := include "cyberun-mcp.definitionKinds" . | fromJsonArray }}
- name: {{ $kind }}
  configMap:
    name: {{ include "cyberun-mcp.fullname" $ }}-{{ $kind }}
{{- end }}
{{- with .pod.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
