{{/*
Names, labels, regions and volumes that several objects share.
*/}}

{{- define "postrider-agent.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name that all objects begin with. A region's name follows. */}}
{{- define "postrider-agent.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "postrider-agent.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "postrider-agent.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name of a region's objects. KEDA adds "keda-hpa-", and makes a label of it: 63 characters. */}}
{{- define "postrider-agent.regionName" -}}
{{- $name := printf "%s-%s" (include "postrider-agent.fullname" .context) .region -}}
{{- if gt (len $name) 54 -}}
{{- fail (printf "fullnameOverride: must be given, and be short: %q has more than 54 characters" $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* Of what is there once for all regions. */}}
{{- define "postrider-agent.labels" -}}
app.kubernetes.io/name: {{ include "postrider-agent.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: agent
{{ include "postrider-agent.releaseLabels" . }}
{{- end -}}

{{- define "postrider-agent.releaseLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: postrider
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* What never changes, since selectors must not. */}}
{{- define "postrider-agent.selectorLabels" -}}
app.kubernetes.io/name: {{ include "postrider-agent.name" .context }}
app.kubernetes.io/instance: {{ .context.Release.Name }}
app.kubernetes.io/component: agent
postrider/region: {{ .region }}
{{- end -}}

{{/* Of pods. The chart's version is not among them: a new one alone restarts nobody. */}}
{{- define "postrider-agent.podLabels" -}}
{{ include "postrider-agent.selectorLabels" . }}
app.kubernetes.io/part-of: postrider
{{- end -}}

{{- define "postrider-agent.regionLabels" -}}
{{ include "postrider-agent.selectorLabels" . }}
{{ include "postrider-agent.releaseLabels" .context }}
{{- end -}}

{{/*
A region's values: those of the chart's top, each replaced by the region's own where it has
one. Sections are merged, lists are not. JSON, since templates give only text.
*/}}
{{- define "postrider-agent.regionValues" -}}
{{- $all := deepCopy (pick .context.Values "replicas" "autoscaling" "config" "resources" "allowedSubnets" "deniedSubnets" "allowedPorts" "extraCA" "nodeSelector" "tolerations" "affinity") -}}
{{- $own := index .context.Values.regions .region | default dict -}}
{{- mergeOverwrite $all (deepCopy $own) | toJson -}}
{{- end -}}

{{- define "postrider-agent.image" -}}
{{- $repository := required "image.repository: must be given: where the image was pushed to, for example registry.bank.example/postrider-agent" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "postrider-agent.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "postrider-agent.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "postrider-agent.trustDomain" -}}
{{- required "trustDomain: must be given: the SPIFFE trust domain of the control plane, for example bank.example" .Values.trustDomain -}}
{{- end -}}

{{/* The secret with a region's certificate: given, or as cert-manager will write it. */}}
{{- define "postrider-agent.certificateSecret" -}}
{{- if eq .context.Values.certificates.source "secrets" -}}
{{- $own := index .context.Values.regions .region | default dict -}}
{{- required (printf "regions.%s.certificateSecret: must be given with certificates.source \"secrets\"" .region) $own.certificateSecret -}}
{{- else -}}
{{- printf "%s-tls" (include "postrider-agent.regionName" .) -}}
{{- end -}}
{{- end -}}

{{/*
The secret with the certificate that KEDA shows the control plane. A region may be named
"autoscaler", and no region's name has a dot.
*/}}
{{- define "postrider-agent.autoscalerSecret" -}}
{{- if eq .Values.certificates.source "secrets" -}}
{{- required "keda.certificateSecret: must be given with certificates.source \"secrets\"" .Values.keda.certificateSecret -}}
{{- else -}}
{{- printf "%s.autoscaler-tls" (include "postrider-agent.fullname" .) -}}
{{- end -}}
{{- end -}}

{{/* Whether KEDA scales any region. */}}
{{- define "postrider-agent.usesKeda" -}}
{{- $uses := false -}}
{{- range $region, $_ := .Values.regions -}}
{{- $values := include "postrider-agent.regionValues" (dict "context" $ "region" $region) | fromJson -}}
{{- if eq $values.autoscaling.type "keda" -}}
{{- $uses = true -}}
{{- end -}}
{{- end -}}
{{- if $uses -}}
true
{{- end -}}
{{- end -}}

{{/*
A volume's source: one key of a secret or of a ConfigMap, as the file ca.crt. Of a
secret's other keys, a private key among them, nothing is mounted.
*/}}
{{- define "postrider-agent.authoritySource" -}}
{{- if .configMapName -}}
configMap:
  name: {{ .configMapName }}
{{- else -}}
secret:
  secretName: {{ .secretName }}
{{- end }}
  defaultMode: 0440
  items:
    - key: {{ .key }}
      path: ca.crt
{{- end -}}

{{- define "postrider-agent.isAuthorityGiven" -}}
{{- if or .secretName .configMapName -}}
true
{{- end -}}
{{- end -}}

{{/* A Certificate of cert-manager. */}}
{{- define "postrider-agent.certificate" -}}
{{- $given := .context.Values.certificates.certManager -}}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ .name }}
  namespace: {{ .context.Release.Namespace }}
  labels:
    {{- .labels | nindent 4 }}
spec:
  secretName: {{ .secret }}
  duration: {{ $given.duration }}
  renewBefore: {{ $given.renewBefore }}
  privateKey:
    algorithm: {{ $given.privateKey.algorithm }}
    size: {{ int64 $given.privateKey.size }}
    encoding: PKCS8
    rotationPolicy: Always
  usages:
    - digital signature
    - client auth
  uris:
    - {{ .uri | quote }}
  issuerRef:
    name: {{ $given.issuerRef.name }}
    kind: {{ $given.issuerRef.kind }}
    group: {{ $given.issuerRef.group }}
{{- end -}}

{{/*
How many pods a region's Deployment asks for. Where something scales it, that is for the
autoscaler to say, once it has said anything; until then what there is stays as it is. A number
that Helm has given and then gives no longer would become 1. A live object's managedFields tell
whose the number is: with server-side apply Helm may leave it to the autoscaler; without it,
what Helm leaves out is taken away whoever has set it. Rendering without a cluster finds nothing.
*/}}
{{- define "postrider-agent.replicas" -}}
{{- $scaling := .own.autoscaling -}}
{{- if eq $scaling.type "none" -}}
{{- int64 .own.replicas -}}
{{- else -}}
{{- $live := lookup "apps/v1" "Deployment" .context.Release.Namespace (include "postrider-agent.regionName" .) -}}
{{- $isApplied := false -}}
{{- $isScaled := false -}}
{{- range dig "metadata" "managedFields" list ($live | default dict) -}}
{{- if eq .operation "Apply" -}}
{{- $isApplied = true -}}
{{- end -}}
{{- if and (eq (.subresource | default "") "scale") (hasKey (dig "f:spec" dict (.fieldsV1 | default dict)) "f:replicas") -}}
{{- $isScaled = true -}}
{{- end -}}
{{- end -}}
{{- if and $live (not (and $isApplied $isScaled)) -}}
{{- $least := ternary (int64 $scaling.minReplicas) 0 (eq $scaling.type "hpa") -}}
{{- max (int64 $live.spec.replicas) $least -}}
{{- end -}}
{{- end -}}
{{- end -}}
