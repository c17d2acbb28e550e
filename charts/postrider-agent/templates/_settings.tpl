{{/*
The program's settings, as variables. They stand in the pod's template, so that a change of
one replaces the pods.
*/}}

{{/*
One setting's value: a list with commas, a number without an exponent. Kubernetes takes "$$"
for "$", and "$(…)" for another variable's value.
*/}}
{{- define "postrider-agent.settingText" -}}
{{- $text := "" -}}
{{- if kindIs "slice" . -}}
{{- $text = join "," . -}}
{{- else if kindIs "float64" . -}}
{{- $text = int64 . | toString -}}
{{- else -}}
{{- $text = toString . -}}
{{- end -}}
{{- $text | replace "$" "$$" -}}
{{- end -}}

{{/* What values give under `config`. */}}
{{- define "postrider-agent.givenSettings" -}}
{{- range $section, $settings := . }}
{{- range $name, $value := $settings }}
- name: {{ printf "POSTRIDER_AGENT_%s__%s" (upper $section) (upper $name) }}
  value: {{ include "postrider-agent.settingText" $value | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "postrider-agent.environment" -}}
{{- $context := .context -}}
{{- $values := $context.Values -}}
# No two pods have one name. The certificate allows its region's agents any id.
- name: POSTRIDER_AGENT_AGENT__ID
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POSTRIDER_AGENT_AGENT__REGION
  value: {{ .region | quote }}
- name: POSTRIDER_AGENT_AGENT__METRICS_LISTEN
  value: {{ ternary "[::]:9464" "0.0.0.0:9464" (eq $values.ipFamily "IPv6") | quote }}
- name: POSTRIDER_AGENT_AGENT__DRAIN_TIMEOUT_SECONDS
  value: {{ int64 $values.drainTimeoutSeconds | quote }}
- name: POSTRIDER_AGENT_CONTROL_PLANE__URLS
  value: {{ required "controlPlane.urls: must be given: where the control plane's agents' port is, https://host:7444" (join "," $values.controlPlane.urls) | quote }}
- name: POSTRIDER_AGENT_CONTROL_PLANE__TLS_CERT
  value: /etc/postrider-agent/tls/tls.crt
- name: POSTRIDER_AGENT_CONTROL_PLANE__TLS_KEY
  value: /etc/postrider-agent/tls/tls.key
- name: POSTRIDER_AGENT_CONTROL_PLANE__TLS_CA
  value: /etc/postrider-agent/{{ ternary "control-plane-ca" "tls" (not (empty (include "postrider-agent.isAuthorityGiven" $values.controlPlane.ca))) }}/ca.crt
{{- with .own.allowedSubnets }}
- name: POSTRIDER_AGENT_RECEIVERS__ALLOW_SUBNETS
  value: {{ join "," . | quote }}
{{- end }}
{{- with .own.deniedSubnets }}
- name: POSTRIDER_AGENT_RECEIVERS__DENY_SUBNETS
  value: {{ join "," . | quote }}
{{- end }}
{{- with .own.allowedPorts }}
- name: POSTRIDER_AGENT_RECEIVERS__ALLOWED_PORTS
  value: {{ include "postrider-agent.settingText" . | quote }}
{{- end }}
{{- if .own.extraCA }}
{{- $files := list }}
{{- range $index, $_ := .own.extraCA }}
{{- $files = append $files (printf "/etc/postrider-agent/extra-ca/%d/ca.crt" $index) }}
{{- end }}
- name: POSTRIDER_AGENT_RECEIVERS__EXTRA_CA
  value: {{ join "," $files | quote }}
{{- end }}
- name: POSTRIDER_AGENT_TELEMETRY__LOG_FORMAT
  value: {{ $values.log.format }}
- name: RUST_LOG
  value: {{ $values.log.level | quote }}
{{- include "postrider-agent.givenSettings" .own.config }}
{{- end -}}
