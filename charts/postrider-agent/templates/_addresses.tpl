{{/*
The addresses that no agent POSTs to, as the guard in the program has them
(agent/src/address_guard/cases.toml); tests/charts/run compares the two. NetworkPolicy keeps
agents from them a second time: a mistake of the guard's opens no way into the cluster, to its
nodes or to a cloud's metadata.
*/}}

{{- define "postrider-agent.refusedIpv4" -}}
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 161.26.0.0/16 166.8.0.0/14 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.80.8.124/32 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 199.36.153.4/30 199.36.153.8/30 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
{{- end -}}

{{/* Of IPv6 only global unicast is public … */}}
{{- define "postrider-agent.publicIpv6" -}}
2000::/3
{{- end -}}

{{- define "postrider-agent.refusedIpv6" -}}
2001::/23 2001:db8::/32 2002::/16 2600:2d00:2:1000::/64 2600:2d00:2:2000::/64 2620:4f:8000::/48 3ffe::/16 3fff::/20
{{- end -}}

{{/* … and what NAT64 makes of public IPv4 addresses. */}}
{{- define "postrider-agent.nat64" -}}
64:ff9b::/96
{{- end -}}

{{/* A subnet of IPv4 as NAT64 has it. */}}
{{- define "postrider-agent.nat64Subnet" -}}
{{- $octets := splitList "/" . | first | splitList "." -}}
{{- $length := add 96 (splitList "/" . | last | int) -}}
{{- $high := add (mul 256 (index $octets 0 | int)) (index $octets 1 | int) -}}
{{- $low := add (mul 256 (index $octets 2 | int)) (index $octets 3 | int) -}}
{{- if $high -}}
{{- printf "64:ff9b::%x:%x/%d" $high $low $length -}}
{{- else if $low -}}
{{- printf "64:ff9b::%x/%d" $low $length -}}
{{- else -}}
{{- printf "64:ff9b::/%d" $length -}}
{{- end -}}
{{- end -}}

{{/* Denied subnets, and what NAT64 makes of those of IPv4. A list in JSON. */}}
{{- define "postrider-agent.deniedForms" -}}
{{- $forms := list -}}
{{- range . -}}
{{- $forms = append $forms . -}}
{{- if not (contains ":" .) -}}
{{- $forms = append $forms (include "postrider-agent.nat64Subnet" .) -}}
{{- end -}}
{{- end -}}
{{- toJson $forms -}}
{{- end -}}

{{/*
What of a subnet's address counts, as text: its family, and bits. One subnet is inside of
another if its text begins with the other's.
*/}}
{{- define "postrider-agent.subnetBits" -}}
{{- $address := splitList "/" . | first -}}
{{- $length := splitList "/" . | last | int -}}
{{- $bits := "" -}}
{{- if contains ":" $address -}}
{{- $digits := dict "0" "0000" "1" "0001" "2" "0010" "3" "0011" "4" "0100" "5" "0101" "6" "0110" "7" "0111" "8" "1000" "9" "1001" "a" "1010" "b" "1011" "c" "1100" "d" "1101" "e" "1110" "f" "1111" -}}
{{- $halves := splitList "::" $address -}}
{{- $groups := first $halves | splitList ":" | compact -}}
{{- if eq (len $halves) 2 -}}
{{- $rest := last $halves | splitList ":" | compact -}}
{{- range until (int (sub (sub 8 (len $groups)) (len $rest))) -}}
{{- $groups = append $groups "0" -}}
{{- end -}}
{{- $groups = concat $groups $rest -}}
{{- end -}}
{{- range $groups -}}
{{- range (printf "0000%s" . | lower | trunc -4 | splitList "") -}}
{{- $bits = print $bits (get $digits .) -}}
{{- end -}}
{{- end -}}
{{- printf "6:%s" (trunc $length $bits) -}}
{{- else -}}
{{- range splitList "." $address -}}
{{- $bits = print $bits (printf "%08b" (int .)) -}}
{{- end -}}
{{- printf "4:%s" (trunc $length $bits) -}}
{{- end -}}
{{- end -}}

{{/*
Peers of egress: public addresses without those above and without denied ones. A denied subnet
that is not public is refused as it is, and must not be named as an exception of what does
not contain it.
*/}}
{{- define "postrider-agent.publicPeers" -}}
{{- $refused4 := splitList " " (include "postrider-agent.refusedIpv4" .) -}}
{{- $refused6 := splitList " " (include "postrider-agent.refusedIpv6" .) -}}
{{- $translated := list -}}
{{- range $refused4 -}}
{{- $translated = append $translated (include "postrider-agent.nat64Subnet" .) -}}
{{- end -}}
{{- $public6 := include "postrider-agent.subnetBits" (include "postrider-agent.publicIpv6" .) -}}
{{- $nat64 := include "postrider-agent.subnetBits" (include "postrider-agent.nat64" .) -}}
{{- $translates := true -}}
{{- range include "postrider-agent.deniedForms" .deniedSubnets | fromJsonArray -}}
{{- $bits := include "postrider-agent.subnetBits" . -}}
{{- if hasPrefix $bits $nat64 -}}
{{- $translates = false -}}
{{- else if hasPrefix $nat64 $bits -}}
{{- $translated = append $translated . -}}
{{- else if not (contains ":" .) -}}
{{- $refused4 = append $refused4 . -}}
{{- else if hasPrefix $public6 $bits -}}
{{- $refused6 = append $refused6 . -}}
{{- end -}}
{{- end -}}
- ipBlock:
    cidr: 0.0.0.0/0
    except:
      {{- range uniq $refused4 }}
      - {{ . }}
      {{- end }}
- ipBlock:
    cidr: {{ include "postrider-agent.publicIpv6" . | quote }}
    except:
      {{- range uniq $refused6 }}
      - {{ . | quote }}
      {{- end }}
{{- if $translates }}
- ipBlock:
    cidr: {{ include "postrider-agent.nat64" . | quote }}
    except:
      {{- range uniq $translated }}
      - {{ . | quote }}
      {{- end }}
{{- end }}
{{- end -}}

{{/* Peers of egress to receivers: public ones, and allowed subnets without denied ones. */}}
{{- define "postrider-agent.receiverPeers" -}}
{{- include "postrider-agent.publicPeers" . }}
{{- $denied := include "postrider-agent.deniedForms" .deniedSubnets | fromJsonArray }}
{{- range $allowed := .allowedSubnets }}
- ipBlock:
    cidr: {{ $allowed | quote }}
    {{- $except := list }}
    {{- range $denied }}
    {{- if hasPrefix (include "postrider-agent.subnetBits" $allowed) (include "postrider-agent.subnetBits" .) }}
    {{- $except = append $except . }}
    {{- end }}
    {{- end }}
    {{- with uniq $except }}
    except:
      {{- range . }}
      - {{ . | quote }}
      {{- end }}
    {{- end }}
{{- end }}
{{- end -}}

{{/* The ends of a range of ports, or a port. A list in JSON. */}}
{{- define "postrider-agent.portEnds" -}}
{{- $ends := list -}}
{{- range splitList "-" (include "postrider-agent.settingText" .) -}}
{{- $ends = append $ends (int .) -}}
{{- end -}}
{{- toJson $ends -}}
{{- end -}}

{{/*
The ports of the control plane's agents' port, as its URLs have them: of all, or of those that
name no Service. A list in JSON.
*/}}
{{- define "postrider-agent.controlPlanePorts" -}}
{{- $ports := list -}}
{{- range .urls -}}
{{- $isService := regexMatch "^https://([^][.:/]+|[^:/]+[.]svc([.][^:/]*)?):" . -}}
{{- if or $.all (not $isService) -}}
{{- $ports = append $ports (regexFind ":[0-9]+/?$" . | trimPrefix ":" | trimSuffix "/" | int) -}}
{{- end -}}
{{- end -}}
{{- uniq $ports | toJson -}}
{{- end -}}
