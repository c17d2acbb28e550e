{{/*
What NOTES warn of: what is meant, perhaps, and works otherwise than it looks.
*/}}

{{- define "postrider.warnings" -}}
{{- if not .Values.callers.tls.enabled }}

WARNING: callers are served without TLS (callers.tls.enabled). Something before the replicas must have it.
{{- end }}
{{- if dig "server" "insecure_no_auth" false .Values.config }}

WARNING: anybody who reaches the callers' port may call everything (config.server.insecure_no_auth).
{{- end }}
{{- if not .Values.networkPolicy.enabled }}

WARNING: networkPolicy.enabled is false: whoever reaches a pod reaches the port of metrics.
{{- else }}
{{- if and .Values.monitoring.serviceMonitor.enabled (not .Values.networkPolicy.metricsFrom) }}

WARNING: networkPolicy.metricsFrom is empty: Prometheus does not reach the port of metrics.
{{- end }}
{{- include "postrider.egressWarnings" . }}
{{- end }}
{{- $certificates := .Values.certificates }}
{{- if and .Values.agents.perReplicaServices.enabled (eq $certificates.source "cert-manager") (not $certificates.certManager.agentsDnsNames) }}

WARNING: certificates.certManager.agentsDnsNames is empty: agents of other clusters take no name
of a replica for the certificate's.
{{- end }}
{{- end -}}

{{/* What replicas are to reach, by settings, and no rule lets them. */}}
{{- define "postrider.egressWarnings" -}}
{{- $rules := .Values.networkPolicy.extraEgress }}
{{- $wanted := list (dict "what" "config.telemetry.otlp_endpoint" "url" (dig "telemetry" "otlp_endpoint" "" .Values.config)) }}
{{- range dig "auth" "issuers" list .Values.config }}
{{- $wanted = append $wanted (dict "what" "config.auth.issuers: jwks_url" "url" (.jwks_url | default "")) }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if has .name (list "OTEL_EXPORTER_OTLP_ENDPOINT" "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") }}
{{- $wanted = append $wanted (dict "what" .name "url" (.value | default "")) }}
{{- end }}
{{- if and (eq .name "PGPORT") .value }}
{{- if ne (int64 .value) (int64 $.Values.networkPolicy.database.port) }}

WARNING: PGPORT is {{ .value }}, and networkPolicy.database.port is {{ int64 $.Values.networkPolicy.database.port }}.
{{- end }}
{{- end }}
{{- end }}
{{- range $wanted }}
{{- $port := include "postrider.portOfUrl" .url }}
{{- if and $port (not (include "postrider.isPortOpen" (dict "rules" $rules "port" $port))) }}

WARNING: no rule of networkPolicy.extraEgress has port {{ $port }}: replicas cannot reach
{{ .url }} ({{ .what }}).
{{- end }}
{{- end }}
{{- end -}}

{{/* The port of a URL on another machine; nothing without one. */}}
{{- define "postrider.portOfUrl" -}}
{{- if and . (not (regexMatch "^[a-z]+://(localhost|127[.]|\\[::1\\])" .)) -}}
{{- $host := regexReplaceAll "^[a-z]+://([^/?#]*).*$" . "${1}" -}}
{{- regexFind ":[0-9]+$" $host | trimPrefix ":" | default (ternary "443" "80" (hasPrefix "https:" .)) -}}
{{- end -}}
{{- end -}}

{{/* Whether one of the rules of egress has the port. A port's name may be any. */}}
{{- define "postrider.isPortOpen" -}}
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
