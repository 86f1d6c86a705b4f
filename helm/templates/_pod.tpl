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
  serviceAccountName: {{ include "cyberun-mcp.serviceAccountName" . }}
  automountServiceAccountToken: false
  # A Service named cyberun would otherwise put CYBERUN_… variables into the process.
  enableServiceLinks: false
  {{- with concat ((.Values.global | default dict).imagePullSecrets | default list) .Values.image.pullSecrets | uniq }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ .name }}{{ end }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- include "cyberun-mcp.podSecurityContext" . | nindent 4 }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  containers:
    {{- include "cyberun-mcp.container" . | nindent 4 }}
  volumes:
    {{- include "cyberun-mcp.volumes" . | nindent 4 }}
  {{- include "cyberun-mcp.placement" . | nindent 2 }}
{{- end }}

{{- define "cyberun-mcp.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.securityContext.runAsUser }}
runAsUser: {{ int64 . }}
{{- end }}
{{- with .Values.securityContext.runAsGroup }}
runAsGroup: {{ int64 . }}
{{- end }}
{{- if include "cyberun-mcp.isTrial" . }}
{{- with .Values.securityContext.fsGroup }}
fsGroup: {{ int64 . }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "cyberun-mcp.container" -}}
- name: cyberun-mcp
  image: {{ include "cyberun-mcp.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: [serve, --role, {{ ternary "all" "mcp" (eq .Values.mode "trial") }}]
  env:
    {{- include "cyberun-mcp.environment" . | nindent 4 }}
    {{- with include "cyberun-mcp.extraEnv" . }}
    {{- trim . | nindent 4 }}
    {{- end }}
  ports:
    - name: http
      containerPort: 8080
    {{- if .Values.metrics.enabled }}
    - name: metrics
      containerPort: {{ int64 .Values.metrics.port }}
    {{- end }}
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
  resources:
    {{- include "cyberun-mcp.resources" . | nindent 4 }}
  {{- include "cyberun-mcp.lifecycle" . | nindent 2 }}
  volumeMounts:
    {{- include "cyberun-mcp.volumeMounts" . | nindent 4 }}
{{- end }}

{{- define "cyberun-mcp.lifecycle" -}}
{{- if and (not (include "cyberun-mcp.isTrial" .)) .Values.preStopSeconds -}}
# New requests still arrive for a moment after a pod has left the Service.
lifecycle:
  preStop:
    sleep:
      seconds: {{ .Values.preStopSeconds }}
{{ end -}}
startupProbe:
  httpGet:
    path: /health/ready
    port: http
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: {{ divf .Values.startupSeconds 2 | ceil }}
readinessProbe:
  httpGet:
    path: /health/ready
    port: http
  periodSeconds: 5
  timeoutSeconds: 2
  failureThreshold: 3
# Patient: a busy process is not a dead one.
livenessProbe:
  httpGet:
    path: /health/live
    port: http
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}

{{- define "cyberun-mcp.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if include "cyberun-mcp.isTrial" . }}
- name: data
  mountPath: /data
{{- range $kind := list "workflows" "services" }}
{{- if get $.Values.trial $kind }}
- name: {{ $kind }}
  mountPath: /etc/cyberun-mcp/{{ $kind }}
  readOnly: true
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.extraVolumeMounts }}
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
{{- range $kind := list "workflows" "services" }}
{{- if get $.Values.trial $kind }}
- name: {{ $kind }}
  configMap:
    name: {{ include "cyberun-mcp.fullname" $ }}-{{ $kind }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "cyberun-mcp.placement" -}}
{{- if not (include "cyberun-mcp.isTrial" .) -}}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $.Values.topologySpread }}
    labelSelector:
      matchLabels:
        {{- include "cyberun-mcp.selectorLabels" $ | nindent 8 }}
    # Only pods of the same version count, or an update would leave them crowded.
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- include "cyberun-mcp.strings" . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}
