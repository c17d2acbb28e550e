{{/*
What the schema cannot refuse: numbers that cannot work together, each as values give it or as
the program has it by default (files/defaults.json). tests/charts/run looks whether all
settings are here that the program checks against each other (control-plane/src/settings).
*/}}

{{- define "postrider.check" -}}
{{- include "postrider.checkSettings" . -}}
{{- include "postrider.checkTokens" . -}}
{{- include "postrider.checkLifetimes" . -}}
{{- include "postrider.checkMonitoring" . -}}
{{- include "postrider.checkResources" (dict "name" "resources" "resources" .Values.resources) -}}
{{- include "postrider.checkResources" (dict "name" "migration.resources" "resources" .Values.migration.resources) -}}
{{- end -}}

{{/* The number of each setting that has one, by its path. JSON. */}}
{{- define "postrider.numbers" -}}
{{- $numbers := .Files.Get "files/defaults.json" | fromJson -}}
{{- range $section, $settings := .Values.config -}}
{{- range $name, $value := $settings -}}
{{- if hasKey $numbers (printf "%s.%s" $section $name) -}}
{{- $_ := set $numbers (printf "%s.%s" $section $name) $value -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $numbers -}}
{{- end -}}

{{- define "postrider.checkSettings" -}}
{{- $numbers := include "postrider.numbers" . | fromJson -}}
{{- include "postrider.checkPairs" $numbers -}}
{{- include "postrider.checkMigration" (dict "migration" .Values.migration "numbers" $numbers) -}}
{{- include "postrider.checkSums" $numbers -}}
{{- end -}}

{{- define "postrider.checkPairs" -}}
{{- $numbers := . -}}
{{- range $pair := list
  (list "server.max_request_bytes" "server.max_batch_request_bytes")
  (list "server.max_batch_request_bytes" "requests.max_receiving_bytes_per_connection")
  (list "agents.max_message_bytes" "requests.max_receiving_bytes_per_connection")
  (list "replicas.max_message_bytes" "requests.max_receiving_bytes_per_connection")
  (list "connections.reserved_for_agents" "connections.max_agents_connections")
  (list "database.min_history_retention_days" "database.retention_days")
  (list "dispatch.max_deliveries_in_memory_per_subscription" "dispatch.max_deliveries_in_memory")
  (list "dispatch.breaker_first_probe_pause_seconds" "dispatch.breaker_max_probe_pause_seconds")
  (list "api.default_page_size" "api.max_page_size")
-}}
{{- $number := index $numbers (first $pair) | int64 -}}
{{- $limit := index $numbers (last $pair) | int64 -}}
{{- if gt $number $limit -}}
{{- fail (printf "config: %s (%d) must not exceed %s (%d)" (first $pair) $number (last $pair) $limit) -}}
{{- end -}}
{{- end -}}
{{- range $pair := list
  (list "database.max_read_connections" "database.max_connections")
  (list "agents.heartbeat_interval_milliseconds" "agents.silence_timeout_milliseconds")
  (list "api.max_scaler_streams_per_caller" "server.max_concurrent_streams")
-}}
{{- $number := index $numbers (first $pair) | int64 -}}
{{- $limit := index $numbers (last $pair) | int64 -}}
{{- if ge $number $limit -}}
{{- fail (printf "config: %s (%d) must be below %s (%d)" (first $pair) $number (last $pair) $limit) -}}
{{- end -}}
{{- end -}}
{{- range $pair := list
  (list "requests.max_receiving_bytes_per_connection" "requests.max_receiving_bytes")
  (list "requests.max_unsent_bytes_per_caller" "requests.max_unsent_bytes")
-}}
{{- $number := index $numbers (first $pair) | int64 -}}
{{- $whole := index $numbers (last $pair) | int64 -}}
{{- if gt $number (mul (div $whole 4) 3) -}}
{{- fail (printf "config: %s (%d) must not exceed three quarters of %s (%d)" (first $pair) $number (last $pair) $whole) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "postrider.checkSums" -}}
{{- $numbers := . -}}
{{- $payload := index $numbers "publish.max_payload_bytes" | int64 -}}
{{- range $pair := list (list 64 "server.max_request_bytes") (list 128 "requests.max_unsent_bytes_per_caller") -}}
{{- $limit := index $numbers (last $pair) | int64 -}}
{{- if gt (add $payload (mul (first $pair) 1024)) $limit -}}
{{- fail (printf "config: publish.max_payload_bytes (%d) must be at least %d KiB below %s (%d)" $payload (first $pair) (last $pair) $limit) -}}
{{- end -}}
{{- end -}}
{{- $ofAgents := index $numbers "connections.max_agents_connections" | int64 -}}
{{- $ofReplicas := index $numbers "connections.reserved_for_replicas" | int64 -}}
{{- $all := index $numbers "connections.max_connections" | int64 -}}
{{- if ge (add $ofAgents $ofReplicas) $all -}}
{{- fail (printf "config: connections.max_agents_connections (%d) and connections.reserved_for_replicas (%d) must together be below connections.max_connections (%d)" $ofAgents $ofReplicas $all) -}}
{{- end -}}
{{- $beat := index $numbers "ownership.heartbeat_interval_milliseconds" | int64 -}}
{{- $lost := index $numbers "ownership.lost_after_seconds" | int64 -}}
{{- if ge $beat (mul $lost 1000) -}}
{{- fail (printf "config: ownership.heartbeat_interval_milliseconds (%d) must be below ownership.lost_after_seconds (%d)" $beat $lost) -}}
{{- end -}}
{{- $renewal := index $numbers "ownership.renew_interval_seconds" | int64 -}}
{{- $margin := index $numbers "ownership.lease_margin_seconds" | int64 -}}
{{- $lease := index $numbers "ownership.lease_duration_seconds" | int64 -}}
{{- if ge (add (mul (add $renewal $margin) 1000) $beat) (mul $lease 1000) -}}
{{- fail (printf "config: ownership.renew_interval_seconds (%d), ownership.lease_margin_seconds (%d) and ownership.heartbeat_interval_milliseconds (%d) must together be below ownership.lease_duration_seconds (%d)" $renewal $margin $beat $lease) -}}
{{- end -}}
{{- end -}}

{{/* The migration is not ended while it waits for the database: its log then says why it failed. */}}
{{- define "postrider.checkMigration" -}}
{{- $wait := index .numbers "database.start_timeout_seconds" | int64 -}}
{{- $deadline := int64 .migration.activeDeadlineSeconds -}}
{{- if and .migration.enabled (ge $wait $deadline) -}}
{{- fail (printf "config: database.start_timeout_seconds (%d) must be below migration.activeDeadlineSeconds (%d)" $wait $deadline) -}}
{{- end -}}
{{- end -}}

{{/* The files of the account's token are in no pod that does not ask for them. */}}
{{- define "postrider.checkTokens" -}}
{{- $given := or .Values.serviceAccount.automountToken .Values.extraVolumeMounts -}}
{{- range (dig "auth" "issuers" list .Values.config) -}}
{{- range $file := list .ca_file .bearer_token_file .jwks_file -}}
{{- if and (not $given) (hasPrefix "/var/run/secrets/kubernetes.io/serviceaccount/" ($file | default "")) -}}
{{- fail (printf "serviceAccount.automountToken: must be true: %s is named in config.auth.issuers" $file) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A time as Go writes it, in seconds. */}}
{{- define "postrider.seconds" -}}
{{- $seconds := 0 -}}
{{- range $unit, $length := dict "h" 3600 "m" 60 "s" 1 -}}
{{- with regexFind (printf "[0-9]+%s" $unit) $ -}}
{{- $seconds = add $seconds (mul (trimSuffix $unit . | int64) $length) -}}
{{- end -}}
{{- end -}}
{{- $seconds -}}
{{- end -}}

{{- define "postrider.checkLifetimes" -}}
{{- with .Values.certificates.certManager -}}
{{- if ge (include "postrider.seconds" .renewBefore | int64) (include "postrider.seconds" .duration | int64) -}}
{{- fail (printf "certificates.certManager: renewBefore (%s) must be below duration (%s)" .renewBefore .duration) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A time as Prometheus writes it, with one unit, in milliseconds. */}}
{{- define "postrider.milliseconds" -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- mul (trimSuffix $unit . | int64) (get (dict "ms" 1 "s" 1000 "m" 60000) $unit) -}}
{{- end -}}

{{/* The Prometheus Operator leaves out what may take longer than until the next time. */}}
{{- define "postrider.checkMonitoring" -}}
{{- with .Values.monitoring.serviceMonitor -}}
{{- if gt (include "postrider.milliseconds" .scrapeTimeout | int64) (include "postrider.milliseconds" .interval | int64) -}}
{{- fail (printf "monitoring.serviceMonitor: scrapeTimeout (%s) must not exceed interval (%s)" .scrapeTimeout .interval) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A quantity of Kubernetes as a number. */}}
{{- define "postrider.quantity" -}}
{{- $text := toString . -}}
{{- $unit := regexFind "([KMGTPE]i|[numkMGTPE])$" $text -}}
{{- $factor := dict "n" 1e-9 "u" 1e-6 "m" 1e-3 "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- mulf (trimSuffix $unit $text | float64) (get $factor $unit) -}}
{{- end -}}

{{/* The API server refuses a pod that requests more than its limit. */}}
{{- define "postrider.checkResources" -}}
{{- $limits := .resources.limits | default dict -}}
{{- range $what, $wanted := .resources.requests | default dict -}}
{{- if hasKey $limits $what -}}
{{- $limit := get $limits $what -}}
{{- if gt (include "postrider.quantity" $wanted | float64) (include "postrider.quantity" $limit | float64) -}}
{{- fail (printf "%s: requests.%s (%v) must not exceed limits.%s (%v)" $.name $what $wanted $what $limit) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
