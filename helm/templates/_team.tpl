{{/* "true" in mode team, else nothing. */}}
{{- define "cyberun-mcp.isTeam" -}}
{{- if eq .Values.mode "team" }}true{{ end -}}
{{- end }}

{{/* The pools of agents by name, each with all its values; the one pool without a name is called "-". */}}
{{- define "cyberun-mcp.agentPools" -}}
{{- $pools := dict -}}
{{- if .Values.agent.enabled -}}
{{- range $name, $values := .Values.agentPools -}}
{{- $pool := mergeOverwrite (deepCopy $.Values.agent) (deepCopy $values) -}}
{{- if $pool.enabled }}{{ $_ := set $pools $name $pool }}{{ end -}}
{{- else -}}
{{- $_ := set $pools "-" .Values.agent -}}
{{- end -}}
{{- end -}}
{{- with $pools }}{{ toYaml . }}{{ end -}}
{{- end }}

{{/* "true" for an agent that has each run executed in the pod of a Job, else nothing. */}}
{{- define "cyberun-mcp.runsJobs" -}}
{{- if eq (.role | default "mcp") "agent" }}{{ if eq .pod.executor.mode "jobs" }}true{{ end }}{{ end -}}
{{- end }}

{{/* Runs in Jobs go on without their agent, so that one does not wait for them. */}}
{{- define "cyberun-mcp.agentDrainSeconds" -}}
{{- if include "cyberun-mcp.runsJobs" . }}0{{ else }}{{ int64 .pod.drainSeconds }}{{ end -}}
{{- end }}

{{- define "cyberun-mcp.jobsNamespace" -}}
{{- .pod.executor.namespace | default .Release.Namespace -}}
{{- end }}

{{/* ServiceAccount of the Jobs' pods, for the credentials of registries; nothing where none are needed. */}}
{{- define "cyberun-mcp.jobsServiceAccount" -}}
{{- if include "cyberun-mcp.pullSecrets" . }}{{ include "cyberun-mcp.roleName" . }}-runs{{ end -}}
{{- end }}

{{/* The file of the profiles; nothing for agents that make no Jobs. */}}
{{- define "cyberun-mcp.jobProfiles" -}}
{{- if include "cyberun-mcp.runsJobs" . -}}
{{- $account := include "cyberun-mcp.jobsServiceAccount" . -}}
{{- $profiles := list -}}
{{- range .pod.executor.profiles | default (list (dict "name" "default")) -}}
{{- $profile := merge (dict) . (ternary (dict "serviceAccountName" $account) dict (ne $account "")) -}}
{{- with $profile.nodeSelector }}{{ $_ := set $profile "nodeSelector" (include "cyberun-mcp.strings" . | fromYaml) }}{{ end -}}
{{- $profiles = append $profiles $profile -}}
{{- end -}}
{{- toYaml (dict "profiles" $profiles) -}}
{{- end -}}
{{- end }}

{{/* A budget where there can be more than one pod: `replicas` of the context. */}}
{{- define "cyberun-mcp.disruptionBudget" -}}
{{- if and .Values.podDisruptionBudget.enabled (gt (int .replicas) 1) }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "cyberun-mcp.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ .Values.podDisruptionBudget.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "cyberun-mcp.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end }}

{{/* Where the endpoint and the agents reach the runtime. */}}
{{- define "cyberun-mcp.runtimeHost" -}}
{{ include "cyberun-mcp.fullname" . }}-runtime.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end }}

{{- define "cyberun-mcp.runtimeUrl" -}}
{{- if include "cyberun-mcp.isTeam" . }}http://{{ include "cyberun-mcp.runtimeHost" . }}/api/v1{{ else }}{{ .Values.runtime.url }}{{ end -}}
{{- end }}

{{/* Paths of the runtime that clients use, beside the endpoint's: REST, links to files, and the console and the gateway where they are open. */}}
{{- define "cyberun-mcp.runtimePaths" -}}
{{- $paths := list "/api/v1/r" "/api/v1/links" "/api/v1/uploads" -}}
{{- /* The page, and what it asks for besides: signing in, and the keys. */ -}}
{{- if .Values.runtime.console }}{{ $paths = concat $paths (list "/api/v1/credentials" "/api/v1/session" "/console") }}{{ end -}}
{{- if .Values.runtime.exposeGateway }}{{ $paths = append $paths "/api/v1/gateway" }}{{ end -}}
{{- ternary $paths list (eq .Values.mode "team") | toJson -}}
{{- end }}
