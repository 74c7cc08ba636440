{{/* The pod, the same whether a Deployment or a StatefulSet keeps it. */}}
{{- define "ces-gateway.podTemplate" -}}
metadata:
  annotations:
    # A changed configuration or policy replaces the pods.
    checksum/config: {{ include (print $.Template.BasePath "/configmap.yaml") . | sha256sum }}
    checksum/policies: {{ include (print $.Template.BasePath "/configmap-policies.yaml") . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    {{- include "ces-gateway.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "ces-gateway.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  terminationGracePeriodSeconds: {{ include "ces-gateway.terminationGracePeriodSeconds" . }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  containers:
    - name: gateway
      image: {{ include "ces-gateway.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve, --config, /etc/ces-gateway/gateway.yaml]
      ports:
        - name: https
          containerPort: 8443
          protocol: TCP
        - name: management
          containerPort: 9090
          protocol: TCP
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      startupProbe:
        httpGet:
          path: /livez
          port: management
        periodSeconds: 2
        failureThreshold: 30
      livenessProbe:
        httpGet:
          path: /livez
          port: management
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet:
          path: /readyz
          port: management
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      {{- if .Values.preStopSleepSeconds }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ .Values.preStopSleepSeconds }}
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - name: configuration
          mountPath: /etc/ces-gateway
          readOnly: true
        - name: audit
          mountPath: /var/lib/ces-gateway
        {{- if .Values.config.realms }}
        - name: kerberos
          mountPath: /tmp
        {{- end }}
  volumes:
    # One projected volume: a mount below a read-only mount needs a mount point that nobody may make.
    - name: configuration
      projected:
        defaultMode: 0440
        sources:
          - configMap:
              name: {{ include "ces-gateway.fullname" . }}
              items:
                - key: gateway.yaml
                  path: gateway.yaml
          {{- if .Values.policies }}
          - configMap:
              name: {{ include "ces-gateway.fullname" . }}-policies
              items:
                {{- range $file, $text := .Values.policies }}
                - key: {{ $file }}
                  path: policies/{{ $file }}
                {{- end }}
          {{- end }}
          {{- range $directory, $secret := .Values.secretFiles }}
          {{- if $secret }}
          - secret:
              name: {{ $secret.secretName }}
              items:
                {{- range $secret.keys }}
                - key: {{ . }}
                  path: {{ $directory }}/{{ . }}
                {{- end }}
          {{- end }}
          {{- end }}
    {{- if not .Values.persistence.enabled }}
    - name: audit
      emptyDir: {}
    {{- end }}
    {{- if .Values.config.realms }}
    # krb5.conf and the replay cache. No ticket and no key is written.
    - name: kerberos
      emptyDir:
        sizeLimit: 64Mi
    {{- end }}
  {{- with .Values.topologySpread.keys }}
  topologySpreadConstraints:
    {{- range . }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: {{ $.Values.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "ces-gateway.selectorLabels" $ | nindent 10 }}
    {{- end }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
