package authentication

import (
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	corev1listers "k8s.io/client-go/listers/core/v1"
)

// AuthClientSet is KEDA's own; its file has the HTTP clients of other scalers as well.
type AuthClientSet struct {
	corev1client.CoreV1Interface
	corev1listers.SecretLister
}
