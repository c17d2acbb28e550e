{{/*
What NOTES warn of: who is to reach agents, and what a region's agents are to reach, by
settings, and no rule lets them.
*/}}

{{- define "postrider-agent.monitoringWarnings" -}}
{{- if and .Values.monitoring.podMonitor.enabled .Values.networkPolicy.enabled (not .Values.networkPolicy.metricsFrom) }}

WARNING: networkPolicy.metricsFrom is empty: Prometheus does not reach the port of metrics.
{{- end }}
{{- end -}}

{{- define "postrider-agent.egressWarnings" -}}
{{- $wanted := list (dict "what" "config.telemetry.otlp_endpoint" "url" (dig "telemetry" "otlp_endpoint" "" .own.config)) }}
{{- range .context.Values.extraEnv }}
{{- if has .name (list "OTEL_EXPORTER_OTLP_ENDPOINT" "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") }}
{{- $wanted = append $wanted (dict "what" .name "url" (.value | default "")) }}
{{- end }}
{{- end }}
{{- range $wanted }}
{{- $port := include "postrider-agent.portOfUrl" .url }}
{{- if and $port (not (include "postrider-agent.isPortOpen" (dict "rules" $.context.Values.networkPolicy.extraEgress "port" $port))) }}

WARNING: no rule of networkPolicy.extraEgress has port {{ $port }}: agents of {{ $.region }} cannot reach
{{ .url }} ({{ .what }}), unless its address is public and its port a receiver's.
{{- end }}
{{- end }}
{{- end -}}

{{/* The port of a URL on another machine; nothing without one. */}}
{{- define "postrider-agent.portOfUrl" -}}
{{- if and . (not (regexMatch "^[a-z]+://(localhost|127[.]|\\[::1\\])" .)) -}}
{{- $host := regexReplaceAll "^[a-z]+://([^/?#]*).*$" . "${1}" -}}
{{- regexFind ":[0-9]+$" $host | trimPrefix ":" | default (ternary "443" "80" (hasPrefix "https:" .)) -}}
{{- end -}}
{{- end -}}

{{/* Whether one of the rules of egress has the port. A port's name may be any. */}}
{{- define "postrider-agent.isPortOpen" -}}
{{- $isOpen := false -}}
{{- $wanted := int64 .port -}}
{{- range .rules -}}
{{- if not .ports -}}
{{- $isOpen = true -}}
{{- end -}}
{{- range .ports -}}
{{- if or (not .port) (kindIs "string" .port) -}}
{{- $isOpen = true -}}
{{- else if and (ge $wanted (int64 .port)) (le $wanted (int64 (.endPort | default .port))) -}}
{{- $isOpen = true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $isOpen -}}
true
{{- end -}}
{{- end -}}
