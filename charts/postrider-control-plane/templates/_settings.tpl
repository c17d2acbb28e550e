{{/*
The program's settings, as variables. They stand in the pod's template, so that a change of
one replaces the pods, and a hook needs no ConfigMap that is not there yet.
*/}}

{{/*
One setting's value: a list with commas, a list of tables as JSON, a number without an
exponent. Kubernetes takes "$$" for "$", and "$(…)" for another variable's value.
*/}}
{{- define "postrider.settingText" -}}
{{- $text := "" -}}
{{- if kindIs "slice" . -}}
{{- if and . (kindIs "map" (first .)) -}}
{{- $text = toJson . -}}
{{- else -}}
{{- $text = join "," . -}}
{{- end -}}
{{- else if kindIs "float64" . -}}
{{- $text = int64 . | toString -}}
{{- else -}}
{{- $text = toString . -}}
{{- end -}}
{{- $text | replace "$" "$$" -}}
{{- end -}}

{{/* What values give under `config`. */}}
{{- define "postrider.givenSettings" -}}
{{- range $section, $settings := .settings }}
{{- range $name, $value := $settings }}
- name: {{ printf "%s%s__%s" $.prefix (upper $section) (upper $name) }}
  value: {{ include "postrider.settingText" $value | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The database: its URL, in a file, and the authority that its certificate is checked by. */}}
{{- define "postrider.databaseEnvironment" -}}
- name: POSTRIDER_DATABASE__URL_FILE
  value: /etc/postrider/database-url/url
{{- if include "postrider.isAuthorityGiven" .Values.database.ca }}
# Read by the driver, where the URL says nothing else.
- name: PGSSLMODE
  value: verify-full
- name: PGSSLROOTCERT
  value: /etc/postrider/database/ca.crt
{{- end }}
{{- end -}}

{{/* The certificate by which KEDA is known, beside those of `config`. */}}
{{- define "postrider.callerCertificates" -}}
{{- $rules := list -}}
{{- with .Values.config.auth -}}
{{- $rules = .certificates | default list -}}
{{- end -}}
{{- if .Values.autoscaler.enabled -}}
{{- $name := .Values.autoscaler.certificateName | default (printf "spiffe://%s/postrider/autoscaler" (include "postrider.trustDomain" .)) -}}
{{- $rules = append $rules (dict "name" $name "roles" (list "autoscaler") "installation" true) -}}
{{- end -}}
{{- if $rules -}}
{{- toJson $rules -}}
{{- end -}}
{{- end -}}

{{- define "postrider.environment" -}}
{{- $any := include "postrider.anyAddress" . -}}
{{- $folder := "/etc/postrider/tls" -}}
# What peers of this replica know it by, and where they call it. A pod's name is the same
# after a restart, which waits until the one before counts as lost.
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: POSTRIDER_SERVER__REPLICA_ID
  value: $(POD_NAME)
- name: POSTRIDER_REPLICAS__ADVERTISE
  value: https://{{ if eq .Values.ipFamily "IPv6" }}[$(POD_IP)]{{ else }}$(POD_IP){{ end }}:7445
- name: POSTRIDER_SERVER__LISTEN
  value: {{ printf "%s:7443" $any | quote }}
- name: POSTRIDER_AGENTS__LISTEN
  value: {{ printf "%s:7444" $any | quote }}
- name: POSTRIDER_REPLICAS__LISTEN
  value: {{ printf "%s:7445" $any | quote }}
- name: POSTRIDER_SERVER__METRICS_LISTEN
  value: {{ printf "%s:9464" $any | quote }}
{{- if .Values.callers.tls.enabled }}
- name: POSTRIDER_SERVER__TLS_CERT
  value: {{ $folder }}/callers/tls.crt
- name: POSTRIDER_SERVER__TLS_KEY
  value: {{ $folder }}/callers/tls.key
{{- if include "postrider.takesCallersCertificates" . }}
- name: POSTRIDER_SERVER__TLS_CLIENT_CA
  value: {{ $folder }}/{{ ternary "callers-ca" "agents" (not (empty (include "postrider.isAuthorityGiven" .Values.callers.clientCertificates.ca))) }}/ca.crt
{{- end }}
{{- else }}
- name: POSTRIDER_SERVER__INSECURE_NO_TLS
  value: "true"
{{- end }}
- name: POSTRIDER_AGENTS__TLS_CERT
  value: {{ $folder }}/agents/tls.crt
- name: POSTRIDER_AGENTS__TLS_KEY
  value: {{ $folder }}/agents/tls.key
- name: POSTRIDER_AGENTS__TLS_CLIENT_CA
  value: {{ $folder }}/{{ ternary "agents-ca" "agents" (not (empty (include "postrider.isAuthorityGiven" .Values.agents.ca))) }}/ca.crt
- name: POSTRIDER_AGENTS__SPIFFE_TRUST_DOMAIN
  value: {{ include "postrider.trustDomain" . | quote }}
- name: POSTRIDER_REPLICAS__TLS_CERT
  value: {{ $folder }}/replicas/tls.crt
- name: POSTRIDER_REPLICAS__TLS_KEY
  value: {{ $folder }}/replicas/tls.key
- name: POSTRIDER_REPLICAS__TLS_CA
  value: {{ $folder }}/replicas/ca.crt
- name: POSTRIDER_REPLICAS__SPIFFE_TRUST_DOMAIN
  value: {{ include "postrider.trustDomain" . | quote }}
- name: POSTRIDER_SERVER__DRAIN_TIMEOUT_SECONDS
  value: {{ int64 .Values.drainTimeoutSeconds | quote }}
{{ include "postrider.databaseEnvironment" . }}
# The migration's Job does it.
- name: POSTRIDER_DATABASE__MIGRATE_AT_START
  value: "false"
- name: POSTRIDER_KEYS__FILE
  value: /etc/postrider/keys/keys
{{- with .Values.keys.current }}
- name: POSTRIDER_KEYS__CURRENT
  value: {{ . | quote }}
{{- end }}
{{- if .Values.bootstrapToken.secretName }}
- name: POSTRIDER_AUTH__BOOTSTRAP_TOKEN_FILE
  value: /etc/postrider/bootstrap-token/token
{{- end }}
{{- with include "postrider.callerCertificates" . }}
- name: POSTRIDER_AUTH__CERTIFICATES
  value: {{ . | replace "$" "$$" | quote }}
{{- end }}
- name: POSTRIDER_TELEMETRY__LOG_FORMAT
  value: {{ .Values.log.format }}
- name: RUST_LOG
  value: {{ .Values.log.level | quote }}
{{- include "postrider.givenSettings" (dict "prefix" "POSTRIDER_" "settings" (include "postrider.otherSettings" . | fromJson)) }}
{{- end -}}

{{/*
`config` without what stands above. JSON keeps numbers as they are. Without credentials and TLS
a request must name a host that the settings have: the Service's names are among them.
*/}}
{{- define "postrider.otherSettings" -}}
{{- $config := deepCopy .Values.config -}}
{{- with $config.auth -}}
{{- $_ := unset . "certificates" -}}
{{- end -}}
{{- if and (dig "server" "insecure_no_auth" false $config) (not .Values.callers.tls.enabled) -}}
{{- $names := include "postrider.serviceNames" (dict "context" . "service" (include "postrider.fullname" .)) | fromJsonArray -}}
{{- $given := dig "server" "http_allowed_hosts" list $config -}}
{{- $_ := set $config.server "http_allowed_hosts" (concat $names $given | uniq) -}}
{{- end -}}
{{- toJson $config -}}
{{- end -}}
