package resolver

import (
	"context"
	"errors"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	corev1listers "k8s.io/client-go/listers/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	"github.com/kedacore/keda/v2/pkg/scalers/authentication"
)

// Named by the operator's options.
const DefaultVaultKubernetesAuthTokenFile = "/var/run/secrets/keda-vault/token"

var errLeftOut = errors.New("secrets of clouds and vaults are left out of this build")

type vaultLeftOut struct{}

func NewHashicorpVaultHandler(*kedav1alpha1.HashiCorpVault, *authentication.AuthClientSet, string) vaultLeftOut {
	return vaultLeftOut{}
}

func (vaultLeftOut) Initialize(logr.Logger) error { return errLeftOut }
func (vaultLeftOut) Stop()                        {}
func (vaultLeftOut) ResolveSecrets([]kedav1alpha1.VaultSecret) ([]kedav1alpha1.VaultSecret, error) {
	return nil, errLeftOut
}

func vaultAddressesEqual(string, string) bool { return false }

type cloudLeftOut struct{}

func NewAzureKeyVaultHandler(*kedav1alpha1.AzureKeyVault) cloudLeftOut       { return cloudLeftOut{} }
func NewGCPSecretManagerHandler(*kedav1alpha1.GCPSecretManager) cloudLeftOut { return cloudLeftOut{} }

func (cloudLeftOut) Initialize(context.Context, client.Client, logr.Logger, string, corev1listers.SecretLister) error {
	return errLeftOut
}
func (cloudLeftOut) Read(context.Context, string, string) (string, error) { return "", errLeftOut }

type awsLeftOut struct{}

func NewAwsSecretManagerHandler(*kedav1alpha1.AwsSecretManager) awsLeftOut { return awsLeftOut{} }

func (awsLeftOut) Initialize(context.Context, client.Client, logr.Logger, string, corev1listers.SecretLister, *corev1.PodSpec) error {
	return errLeftOut
}
func (awsLeftOut) Stop() {}
func (awsLeftOut) Read(context.Context, logr.Logger, string, string, string, string) (string, error) {
	return "", errLeftOut
}
