package eventemitter

import (
	"context"
	"errors"

	"github.com/go-logr/logr"

	eventingv1alpha1 "github.com/kedacore/keda/v2/apis/eventing/v1alpha1"
	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
)

var errLeftOut = errors.New("destinations of CloudEvents are left out of this build")

func NewCloudEventHTTPHandler(context.Context, string, string, logr.Logger) (EventDataHandler, error) {
	return nil, errLeftOut
}

func NewAzureEventGridTopicHandler(context.Context, string, *eventingv1alpha1.AzureEventGridTopicSpec, map[string]string, kedav1alpha1.AuthPodIdentity, logr.Logger) (EventDataHandler, error) {
	return nil, errLeftOut
}
