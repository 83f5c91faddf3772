{{- define "hitscanner.labels" -}}
app.kubernetes.io/name: hitscanner
app.kubernetes.io/part-of: hitscanner
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
