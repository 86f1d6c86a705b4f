{{/* Where the pods of a role go, and on what terms. */}}
{{- define "cyberun-mcp.placement" -}}
{{- if not (include "cyberun-mcp.isTrial" .) }}
topologySpreadConstraints:
  {{- include "cyberun-mcp.spread" . | nindent 2 }}
{{- end }}
{{- with .pod.nodeSelector }}
nodeSelector:
  {{- include "cyberun-mcp.strings" . | nindent 2 }}
{{- end }}
{{- with .pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .pod.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "cyberun-mcp.spread" -}}
{{- $selector := dict "matchLabels" (include "cyberun-mcp.selectorLabels" . | fromYaml) -}}
{{- $constraints := list -}}
{{- range .Values.topologySpreadConstraints -}}
{{- $constraints = append $constraints (merge (dict) . (dict "labelSelector" $selector "maxSkew" 1 "whenUnsatisfiable" $.Values.topologySpread)) -}}
{{- else -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" -}}
{{- /* matchLabelKeys: only pods of the same version count, or an update would leave them crowded. */ -}}
{{- $constraints = append $constraints (dict "maxSkew" 1 "topologyKey" . "whenUnsatisfiable" $.Values.topologySpread "labelSelector" $selector "matchLabelKeys" (list "pod-template-hash")) -}}
{{- end -}}
{{- end -}}
{{- toYaml $constraints -}}
{{- end }}
