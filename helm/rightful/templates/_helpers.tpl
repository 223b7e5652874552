{{/* Names, labels and what several objects share. */}}

{{- define "rightful.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "rightful.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "rightful.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "rightful.selector" -}}
app.kubernetes.io/name: {{ include "rightful.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end -}}

{{- define "rightful.labels" -}}
{{ include "rightful.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "rightful.image" -}}
{{- $repository := .Values.image.repository -}}
{{- if .Values.image.registry -}}{{- $repository = printf "%s/%s" .Values.image.registry .Values.image.repository -}}{{- end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "rightful.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "rightful.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "rightful.tlsSecret" -}}
{{- if .Values.tls.certManager.enabled -}}
{{- printf "%s-tls" (include "rightful.fullname" .) -}}
{{- else -}}
{{- .Values.tls.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* Whether anything is kept on a volume. */}}
{{- define "rightful.needsVolume" -}}
{{- if or (eq .Values.database.type "sqlite") (eq .Values.storage.type "local") -}}true{{- end -}}
{{- end -}}

{{/* Whether more than one replica may run. */}}
{{- define "rightful.isMany" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1) -}}true{{- end -}}
{{- end -}}

{{/* The whole configuration but secrets, as TOML. What the chart decides wins over what is given. */}}
{{- define "rightful.config" -}}
{{- $tls := dict "certificate" "/etc/rightful/tls/tls.crt" "key" "/etc/rightful/tls/tls.key" -}}
{{- if ne .Values.tls.clientCertificates "none" -}}
{{- $_ := set $tls "client_certificates" .Values.tls.clientCertificates -}}
{{- $_ := set $tls "client_authorities" "/etc/rightful/client-authorities/ca.crt" -}}
{{- end -}}
{{- $server := dict "listen" (printf "%s:%d" .Values.server.address (int .Values.server.port)) "grace" (printf "%ds" (int .Values.server.graceSeconds)) "tls" $tls -}}
{{- $storage := dict "url" "file:///var/lib/rightful/objects" -}}
{{- if eq .Values.storage.type "s3" -}}
{{- $storage = dict "url" .Values.storage.url -}}
{{- with .Values.storage.options -}}{{- $_ := set $storage "options" . -}}{{- end -}}
{{- end -}}
{{- $telemetry := dict "metrics_listen" (printf "%s:%d" .Values.server.address (int .Values.metrics.port)) "otlp_endpoint" .Values.telemetry.otlpEndpoint "otlp_protocol" .Values.telemetry.otlpProtocol "otlp_logs" .Values.telemetry.otlpLogs "sample_percent" (int .Values.telemetry.samplePercent) "log_format" .Values.telemetry.logFormat "log_filter" .Values.telemetry.logFilter -}}
{{- $keys := dict "ring" (printf "/etc/rightful/keys/%s" .Values.keys.key) -}}
{{- with .Values.keys.vault -}}{{- $_ := set $keys "vault" . -}}{{- end -}}
{{- $decided := dict "server" $server "storage" $storage "telemetry" $telemetry "keys" $keys "auth" .Values.auth -}}
{{- if eq .Values.database.type "sqlite" -}}
{{- $_ := set $decided "store" (dict "url" "sqlite:///var/lib/rightful/rightful.sqlite") -}}
{{- end -}}
{{- with .Values.downstreams -}}{{- $_ := set $decided "downstream" . -}}{{- end -}}
{{- $config := mergeOverwrite (deepCopy .Values.config) $decided -}}
{{- toToml $config -}}
{{- end -}}

{{/* Secrets, as variables. */}}
{{- define "rightful.env" -}}
{{- if eq .Values.database.type "postgresql" }}
- name: RIGHTFUL_STORE__URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.existingSecret | quote }}
      key: {{ .Values.database.key | quote }}
{{- end }}
{{- if and (eq .Values.storage.type "s3") .Values.storage.existingSecret }}
{{- range $key := list "aws_access_key_id" "aws_secret_access_key" }}
- name: RIGHTFUL_STORAGE__OPTIONS__{{ upper $key }}
  valueFrom:
    secretKeyRef:
      name: {{ $.Values.storage.existingSecret | quote }}
      key: {{ $key }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What the restricted profile of Pod Security asks for. */}}
{{- define "rightful.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "rightful.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
