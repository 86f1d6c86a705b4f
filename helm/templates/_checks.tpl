{{/* The pods that people may add to, as a list: `path` in front of the names of values, and the context of the role. */}}
{{- define "cyberun-mcp.podContexts" -}}
{{- $contexts := list (dict "path" "" "role" "mcp") -}}
{{- if include "cyberun-mcp.isTeam" . -}}
{{- $contexts = append $contexts (dict "path" "runtime." "role" "runtime") -}}
{{- range $pool, $_ := include "cyberun-mcp.agentPools" . | fromYaml -}}
{{- $contexts = append $contexts (dict "path" (ternary "agent." (printf "agentPools.%s." $pool) (eq $pool "-")) "role" "agent" "pool" $pool) -}}
{{- end -}}
{{- end -}}
{{- toYaml $contexts -}}
{{- end }}

{{/* Fails when extraEnv of a pod sets what the chart sets (`own`: variable to value), or sets something twice. */}}
{{- define "cyberun-mcp.checkEnvironment" -}}
{{- $seen := dict -}}
{{- range $variable := .pod.extraEnv -}}
{{- with get $.own $variable.name -}}
{{- fail (printf "%sextraEnv must not set %s, because the chart does: use %s instead." $.path $variable.name .) -}}
{{- end -}}
{{- if hasKey $seen $variable.name -}}
{{- fail (printf "%sextraEnv must not set %s twice, because only one value counts: remove the other." $.path $variable.name) -}}
{{- end -}}
{{- $_ := set $seen $variable.name true -}}
{{- if and $variable.valueFrom (hasKey $variable "value") -}}
{{- fail (printf "%sextraEnv must not give %s both value and valueFrom, because it can have only one: remove the other." $.path $variable.name) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Fails when labels, volumes or containers that people add collide with those of the chart. */}}
{{- define "cyberun-mcp.checkPod" -}}
{{- range $key := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "app.kubernetes.io/part-of" -}}
{{- if hasKey $.pod.podLabels $key -}}
{{- fail (printf "%spodLabels must not hold %s, because pods are found by it: remove it, or set nameOverride to rename them." $.path $key) -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- $paths := list -}}
{{- range include "cyberun-mcp.ownMounts" . | fromYamlArray -}}
{{- $names = append $names .name -}}
{{- $paths = append $paths .mountPath -}}
{{- end -}}
{{- range .pod.extraVolumes -}}
{{- if has .name $names -}}
{{- fail (printf "%sextraVolumes must not hold a volume named %s, because the chart has one: choose another name for it, in extraVolumeMounts too." $.path .name) -}}
{{- end -}}
{{- end -}}
{{- range .pod.extraVolumeMounts -}}
{{- if has (trimSuffix "/" .mountPath) $paths -}}
{{- fail (printf "%sextraVolumeMounts must not mount %s at %s, because the chart has a volume there: choose another path." $.path .name .mountPath) -}}
{{- end -}}
{{- end -}}
{{- range $list := list "initContainers" "extraContainers" -}}
{{- range get $.pod $list -}}
{{- if eq .name "cyberun-mcp" -}}
{{- fail (printf "%s%s must not hold a container named cyberun-mcp, because the chart has one: choose another name." $.path $list) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
