{{/*
Names, labels, images and volumes that several objects share.
*/}}

{{- define "postrider.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
The name that all objects begin with. 40 characters leave room for "-agents-99" and for what
Kubernetes adds to a pod's name.
*/}}
{{- define "postrider.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "postrider.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "postrider.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What never changes, since selectors must not. */}}
{{- define "postrider.selectorLabels" -}}
app.kubernetes.io/name: {{ include "postrider.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: control-plane
{{- end -}}

{{/* Of pods. The chart's version is not among them: a new one alone restarts nobody. */}}
{{- define "postrider.podLabels" -}}
{{ include "postrider.selectorLabels" . }}
app.kubernetes.io/part-of: postrider
{{- end -}}

{{- define "postrider.labels" -}}
{{ include "postrider.selectorLabels" . }}
{{ include "postrider.releaseLabels" . }}
{{- end -}}

{{- define "postrider.releaseLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: postrider
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Of the migration, which no Service and no disruption budget may select. */}}
{{- define "postrider.migrationSelectorLabels" -}}
app.kubernetes.io/name: {{ include "postrider.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: migration
{{- end -}}

{{- define "postrider.image" -}}
{{- $repository := required "image.repository: must be given: where the image was pushed to, for example registry.bank.example/postrider-control-plane" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "postrider.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "postrider.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/*
The migration runs before the release's own objects are there, so it has an account of its
own, unless one is given that is there already.
*/}}
{{- define "postrider.migrationServiceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- printf "%s-migrate" (include "postrider.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* What Pod Security's level "restricted" asks of a pod. */}}
{{- define "postrider.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.user }}
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
# Files of secrets are the group's, which may read them; others may not.
fsGroup: {{ int64 . }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* What it asks of a container, and a root that cannot be written. */}}
{{- define "postrider.containerSecurityContext" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end -}}

{{/* The host that stands for all addresses of a pod. */}}
{{- define "postrider.anyAddress" -}}
{{- if eq .Values.ipFamily "IPv6" -}}[::]{{- else -}}0.0.0.0{{- end -}}
{{- end -}}

{{/* The names of a Service, each longer than the one before: a list in JSON. */}}
{{- define "postrider.serviceNames" -}}
{{- $namespace := .context.Release.Namespace -}}
{{- $short := printf "%s.%s" .service $namespace -}}
{{- $names := list .service $short (printf "%s.svc" $short) -}}
{{- append $names (printf "%s.svc.%s" $short .context.Values.clusterDomain) | toJson -}}
{{- end -}}

{{/* Whether callers are shown a certificate of an issuer of their own. */}}
{{- define "postrider.hasCallersIssuer" -}}
{{- if and .Values.callers.tls.enabled (eq .Values.certificates.source "cert-manager") .Values.certificates.certManager.callersIssuerRef.name -}}
true
{{- end -}}
{{- end -}}

{{/*
The names in the callers' certificate: a list in JSON. Another issuer than that of the agents'
port may be a public one, which signs no name of a Service and refuses a request with one.
*/}}
{{- define "postrider.callersNames" -}}
{{- $given := .Values.certificates.certManager.callersDnsNames -}}
{{- if not (include "postrider.hasCallersIssuer" .) -}}
{{- $names := include "postrider.serviceNames" (dict "context" . "service" (include "postrider.fullname" .)) | fromJsonArray -}}
{{- concat $names $given | toJson -}}
{{- else if $given -}}
{{- toJson $given -}}
{{- else -}}
{{- fail "certificates.certManager.callersDnsNames: must name at least one with callersIssuerRef, whose certificate has no name of a Service" -}}
{{- end -}}
{{- end -}}

{{/* The host at which callers reach replicas, as their certificate has it. */}}
{{- define "postrider.callersHost" -}}
{{- if include "postrider.hasCallersIssuer" . -}}
{{- first .Values.certificates.certManager.callersDnsNames | replace "*" "HOST" -}}
{{- else -}}
{{- printf "%s.%s.svc.%s" (include "postrider.fullname" .) .Release.Namespace .Values.clusterDomain -}}
{{- end -}}
{{- end -}}

{{/* The secret with a door's certificate: given, or as cert-manager will write it. */}}
{{- define "postrider.certificateSecret" -}}
{{- if eq .context.Values.certificates.source "secrets" -}}
{{- index .context.Values.certificates.secrets .door -}}
{{- else -}}
{{- printf "%s-%s-tls" (include "postrider.fullname" .context) .door -}}
{{- end -}}
{{- end -}}

{{- define "postrider.trustDomain" -}}
{{- required "trustDomain: must be given: the SPIFFE trust domain of agents' and replicas' certificates, for example bank.example" .Values.trustDomain -}}
{{- end -}}

{{/* Whether callers may show certificates. KEDA is such a caller. */}}
{{- define "postrider.takesCallersCertificates" -}}
{{- if and .Values.callers.tls.enabled (or .Values.callers.clientCertificates.enabled .Values.autoscaler.enabled) -}}
true
{{- end -}}
{{- end -}}

{{/*
A volume's source: one key of a secret or of a ConfigMap, as the file ca.crt. Of a
secret's other keys, a private key among them, nothing is mounted.
*/}}
{{- define "postrider.authoritySource" -}}
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

{{/* Where the files are mounted by which the database is reached. */}}
{{- define "postrider.databaseMounts" -}}
- name: database-url
  mountPath: /etc/postrider/database-url
  readOnly: true
{{- if include "postrider.isAuthorityGiven" .Values.database.ca }}
- name: database-ca
  mountPath: /etc/postrider/database
  readOnly: true
{{- end }}
{{- end -}}

{{- define "postrider.databaseVolumes" -}}
- name: database-url
  secret:
    secretName: {{ .Values.database.urlSecret.name }}
    defaultMode: 0440
    items:
      - key: {{ .Values.database.urlSecret.key }}
        path: url
{{- if include "postrider.isAuthorityGiven" .Values.database.ca }}
- name: database-ca
  {{- include "postrider.authoritySource" .Values.database.ca | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "postrider.isAuthorityGiven" -}}
{{- if or .secretName .configMapName -}}
true
{{- end -}}
{{- end -}}
