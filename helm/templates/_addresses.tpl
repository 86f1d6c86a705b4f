{{- define "cyberun-mcp.serviceHost" -}}
{{ include "cyberun-mcp.fullname" . }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end }}

{{/* The URL that clients use. Without Ingress a trial is reached through `kubectl port-forward`, as NOTES.txt shows. */}}
{{- define "cyberun-mcp.publicUrl" -}}
{{- if .Values.publicUrl -}}
{{ .Values.publicUrl }}
{{- else if .Values.ingress.enabled -}}
{{ ternary "https" "http" .Values.ingress.tls.enabled }}://{{ first .Values.ingress.hosts | default "unnamed" }}
{{- else if .Values.httpRoute.enabled -}}
https://{{ first .Values.httpRoute.hostnames | default "unnamed" }}
{{- else if include "cyberun-mcp.isTrial" . -}}
http://localhost:8080
{{- else -}}
http://{{ include "cyberun-mcp.serviceHost" . }}{{ if ne (int .Values.service.port) 80 }}:{{ .Values.service.port }}{{ end }}
{{- end -}}
{{- end }}

{{/* Values of the Host header that can reach the pod on purpose, without port: any port will do. */}}
{{- define "cyberun-mcp.allowedHosts" -}}
{{- $name := include "cyberun-mcp.fullname" . -}}
{{- $namespaced := printf "%s.%s" $name .Release.Namespace -}}
{{- $hosts := list $name $namespaced (printf "%s.svc" $namespaced) (include "cyberun-mcp.serviceHost" .) "localhost" "127.0.0.1" "[::1]" -}}
{{- $hosts = append $hosts (regexReplaceAll ":[0-9]+$" (get (urlParse (include "cyberun-mcp.publicUrl" .)) "host") "") -}}
{{- if .Values.ingress.enabled }}{{ $hosts = concat $hosts .Values.ingress.hosts }}{{ end -}}
{{- if .Values.httpRoute.enabled }}{{ $hosts = concat $hosts .Values.httpRoute.hostnames }}{{ end -}}
{{- concat $hosts .Values.mcp.extraAllowedHosts | uniq | join "," -}}
{{- end }}

{{/* Secret of the certificate; nothing where the Ingress has its controller's own. */}}
{{- define "cyberun-mcp.tlsSecretName" -}}
{{- if .Values.ingress.tls.secretName -}}
{{ .Values.ingress.tls.secretName }}
{{- else if .Values.certificate.enabled -}}
{{ include "cyberun-mcp.fullname" . }}-tls
{{- end -}}
{{- end }}
