package scalers

// KEDA has it in the file of another scaler.
const externalMetricType = "External"
