{{/* Values that contradict each other, each in a sentence that says what would be right. */}}
{{- define "rightful.validate" -}}
{{- $many := include "rightful.isMany" . -}}
{{- if and $many (eq .Values.database.type "sqlite") -}}
{{- fail "SQLite is one file of one replica: set database.type to postgresql, or run one replica without autoscaling." -}}
{{- end -}}
{{- if and $many (eq .Values.storage.type "local") -}}
{{- fail "Local storage is one folder of one replica: set storage.type to s3, or run one replica without autoscaling." -}}
{{- end -}}
{{- if and .Values.tls.existingSecret .Values.tls.certManager.enabled -}}
{{- fail "Both tls.existingSecret and tls.certManager.enabled name a certificate: leave one of them out." -}}
{{- end -}}
{{- if not (or .Values.tls.existingSecret .Values.tls.certManager.enabled) -}}
{{- fail "rightful serves people's data and never in clear: set tls.existingSecret, or tls.certManager.enabled with an issuer." -}}
{{- end -}}
{{- if and .Values.tls.certManager.enabled (not .Values.tls.certManager.issuerRef.name) -}}
{{- fail "tls.certManager.issuerRef.name must name the issuer of the certificate." -}}
{{- end -}}
{{- if and (ne .Values.tls.clientCertificates "none") (not .Values.tls.clientAuthorities) -}}
{{- fail "tls.clientAuthorities must name the Secret with the authorities of callers' certificates." -}}
{{- end -}}
{{- if not (dig "grant" "" .Values.auth) -}}
{{- fail "auth.grant names nobody: nobody could call. See docs/access.md." -}}
{{- end -}}
{{- if not .Values.keys.existingSecret -}}
{{- fail "keys.existingSecret must name the Secret with the key ring: `rightful key new --ring keys.json` makes one." -}}
{{- end -}}
{{- if and (eq .Values.database.type "postgresql") (not .Values.database.existingSecret) -}}
{{- fail "database.existingSecret must name the Secret with the URL of PostgreSQL." -}}
{{- end -}}
{{- if and (eq .Values.database.type "sqlite") .Values.database.existingSecret -}}
{{- fail "database.existingSecret is for PostgreSQL: set database.type to postgresql, or leave it out." -}}
{{- end -}}
{{- if and (eq .Values.storage.type "s3") (not (hasPrefix "s3://" .Values.storage.url)) -}}
{{- fail "storage.url must be s3://bucket/prefix." -}}
{{- end -}}
{{- if and (eq .Values.storage.type "local") .Values.storage.url -}}
{{- fail "storage.url is for S3: set storage.type to s3, or leave it out." -}}
{{- end -}}
{{- if and (eq .Values.migrations.mode "job") (eq .Values.database.type "sqlite") -}}
{{- fail "A Job cannot share the volume of SQLite: set migrations.mode to startup." -}}
{{- end -}}
{{- if and .Values.migrations.existingSecret (ne .Values.migrations.mode "job") -}}
{{- fail "migrations.existingSecret is for the Job: set migrations.mode to job, or leave it out." -}}
{{- end -}}
{{- if and .Values.grpcRoute.enabled (not .Values.grpcRoute.parentRefs) -}}
{{- fail "grpcRoute.parentRefs must name a Gateway." -}}
{{- end -}}
{{- range $key := list "server" "storage" "telemetry" "keys" "auth" "store" "downstream" -}}
{{- if hasKey $.Values.config $key -}}
{{- fail (printf "config.%s is decided by the chart's own values: use those." $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
