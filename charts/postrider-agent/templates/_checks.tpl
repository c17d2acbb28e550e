{{/*
What the schema cannot refuse: values of a region as they are after merging, and numbers that
cannot work together, each as values give it or as the program has it by default
(files/defaults.json). tests/charts/run looks whether all settings are here that the program
checks against each other (agent/src/config.rs, agent/src/settings/mod.rs).
*/}}

{{- define "postrider-agent.checkRegion" -}}
{{- include "postrider-agent.checkScaling" . -}}
{{- include "postrider-agent.checkSubnets" . -}}
{{- include "postrider-agent.checkPorts" . -}}
{{- include "postrider-agent.checkSettings" . -}}
{{- include "postrider-agent.checkResources" . -}}
{{- end -}}

{{- define "postrider-agent.checkScaling" -}}
{{- $scaling := .own.autoscaling -}}
{{- if and (ne $scaling.type "none") (gt (int64 $scaling.minReplicas) (int64 $scaling.maxReplicas)) -}}
{{- fail (printf "autoscaling: minReplicas (%d) must not exceed maxReplicas (%d), region %s" (int64 $scaling.minReplicas) (int64 $scaling.maxReplicas) .region) -}}
{{- end -}}
{{- if and (eq $scaling.type "keda") (gt (int64 $scaling.keda.fallbackReplicas) (int64 $scaling.maxReplicas)) -}}
{{- fail (printf "autoscaling: keda.fallbackReplicas (%d) must not exceed maxReplicas (%d), region %s" (int64 $scaling.keda.fallbackReplicas) (int64 $scaling.maxReplicas) .region) -}}
{{- end -}}
{{- if eq $scaling.type "hpa" -}}
{{- if lt (int64 $scaling.minReplicas) 1 -}}
{{- fail (printf "autoscaling: minReplicas must be at least 1 with type \"hpa\", since only KEDA scales to nothing, region %s" .region) -}}
{{- end -}}
{{- $cpu := or (dig "requests" "cpu" "" .own.resources) (dig "limits" "cpu" "" .own.resources) -}}
{{- if not (or $scaling.hpa.metrics $cpu) -}}
{{- fail (printf "resources.requests.cpu: must be given with autoscaling.type \"hpa\", which counts by it, region %s" .region) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The guard keeps any denied subnet. Each is one that the policy can keep, too. */}}
{{- define "postrider-agent.checkSubnets" -}}
{{- $region := .region -}}
{{- $allowed := .own.allowedSubnets | default list -}}
{{- $denied := .own.deniedSubnets | default list -}}
{{- range concat $allowed $denied -}}
{{- if hasPrefix (printf "6:%s%s" (repeat 80 "0") (repeat 16 "1")) (include "postrider-agent.subnetBits" .) -}}
{{- fail (printf "%s: a subnet of IPv4 must be written as one, region %s" . $region) -}}
{{- end -}}
{{- end -}}
{{- range $subnet := $denied -}}
{{- $bits := include "postrider-agent.subnetBits" $subnet -}}
{{- if or (hasPrefix $bits "4:") (hasPrefix $bits (include "postrider-agent.subnetBits" (include "postrider-agent.publicIpv6" .))) -}}
{{- fail (printf "deniedSubnets: %s leaves no public address of its family, region %s" $subnet $region) -}}
{{- end -}}
{{- range $form := include "postrider-agent.deniedForms" (list $subnet) | fromJsonArray -}}
{{- $bits := include "postrider-agent.subnetBits" $form -}}
{{- range $allowed -}}
{{- if hasPrefix $bits (include "postrider-agent.subnetBits" .) -}}
{{- fail (printf "deniedSubnets: %s contains %s of allowedSubnets, region %s" $subnet . $region) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "postrider-agent.checkPorts" -}}
{{- $region := .region -}}
{{- range .own.allowedPorts -}}
{{- $ends := include "postrider-agent.portEnds" . | fromJsonArray -}}
{{- if gt (first $ends) (last $ends) -}}
{{- fail (printf "allowedPorts: %v: the lower port must stand first, region %s" . $region) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A setting's number: what values give, or the program's default. */}}
{{- define "postrider-agent.number" -}}
{{- $defaults := .context.Files.Get "files/defaults.json" | fromJson -}}
{{- $name := splitList "." .setting -}}
{{- dig (first $name) (last $name) (index $defaults .setting) .own.config | int64 -}}
{{- end -}}

{{- define "postrider-agent.checkSettings" -}}
{{- range $pair := list
  (list "response.max_excerpt_bytes" "response.max_body_bytes")
-}}
{{- $number := include "postrider-agent.number" (dict "context" $.context "own" $.own "setting" (first $pair)) | int64 -}}
{{- $limit := include "postrider-agent.number" (dict "context" $.context "own" $.own "setting" (last $pair)) | int64 -}}
{{- if gt $number $limit -}}
{{- fail (printf "config: %s (%d) must not exceed %s (%d), region %s" (first $pair) $number (last $pair) $limit $.region) -}}
{{- end -}}
{{- end -}}
{{- if and (dig "dns" "servers" list .own.config) (eq (dig "dns" "backend" "" .own.config) "system") -}}
{{- fail (printf "config: dns.servers cannot be combined with the \"system\" of dns.backend, region %s" .region) -}}
{{- end -}}
{{- $most := include "postrider-agent.number" (dict "context" .context "own" .own "setting" "work.max_in_flight") | int64 -}}
{{- $target := int64 .own.autoscaling.keda.target -}}
{{- if and (eq .own.autoscaling.type "keda") (gt $target $most) -}}
{{- fail (printf "autoscaling.keda.target (%d) must not exceed config.work.max_in_flight (%d), region %s" $target $most .region) -}}
{{- end -}}
{{- end -}}

{{/* A time as Go writes it, in seconds. */}}
{{- define "postrider-agent.seconds" -}}
{{- $seconds := 0 -}}
{{- range $unit, $length := dict "h" 3600 "m" 60 "s" 1 -}}
{{- with regexFind (printf "[0-9]+%s" $unit) $ -}}
{{- $seconds = add $seconds (mul (trimSuffix $unit . | int64) $length) -}}
{{- end -}}
{{- end -}}
{{- $seconds -}}
{{- end -}}

{{- define "postrider-agent.checkLifetimes" -}}
{{- with .Values.certificates.certManager -}}
{{- if ge (include "postrider-agent.seconds" .renewBefore | int64) (include "postrider-agent.seconds" .duration | int64) -}}
{{- fail (printf "certificates.certManager: renewBefore (%s) must be below duration (%s)" .renewBefore .duration) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A time as Prometheus writes it, with one unit, in milliseconds. */}}
{{- define "postrider-agent.milliseconds" -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- mul (trimSuffix $unit . | int64) (get (dict "ms" 1 "s" 1000 "m" 60000) $unit) -}}
{{- end -}}

{{/* The Prometheus Operator leaves out what may take longer than until the next time. */}}
{{- define "postrider-agent.checkMonitoring" -}}
{{- with .Values.monitoring.podMonitor -}}
{{- if gt (include "postrider-agent.milliseconds" .scrapeTimeout | int64) (include "postrider-agent.milliseconds" .interval | int64) -}}
{{- fail (printf "monitoring.podMonitor: scrapeTimeout (%s) must not exceed interval (%s)" .scrapeTimeout .interval) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A quantity of Kubernetes as a number. */}}
{{- define "postrider-agent.quantity" -}}
{{- $text := toString . -}}
{{- $unit := regexFind "([KMGTPE]i|[numkMGTPE])$" $text -}}
{{- $factor := dict "n" 1e-9 "u" 1e-6 "m" 1e-3 "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- mulf (trimSuffix $unit $text | float64) (get $factor $unit) -}}
{{- end -}}

{{/* The API server refuses a pod that requests more than its limit. */}}
{{- define "postrider-agent.checkResources" -}}
{{- $limits := .own.resources.limits | default dict -}}
{{- range $what, $wanted := .own.resources.requests | default dict -}}
{{- if hasKey $limits $what -}}
{{- $limit := get $limits $what -}}
{{- if gt (include "postrider-agent.quantity" $wanted | float64) (include "postrider-agent.quantity" $limit | float64) -}}
{{- fail (printf "resources: requests.%s (%v) must not exceed limits.%s (%v), region %s" $what $wanted $what $limit $.region) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
