//! What is recorded: what is below a recorded span, or linked with one, and of the traces that
//! begin here a part.
//!
//! Fed by the setting; feeds the SDK.

use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SamplingResult, ShouldSample};

/// All traces that nobody before Postrider has decided about.
const WHOLE_PER_MILLION: u32 = 1_000_000;

/// As whoever told of a trace decides, and otherwise so many of a million. That is decided by
/// the trace's id: whoever records as large a part records the same ones.
pub fn span_sampler(traces_per_million: u32) -> Sampler {
    let part = f64::from(traces_per_million) / f64::from(WHOLE_PER_MILLION);
    Sampler::ParentBased(Box::new(RootSampler(Sampler::TraceIdRatioBased(part))))
}

/// Decides about the first span of a trace. A batch has a trace of its own, which is recorded
/// if one of its members is.
#[derive(Clone, Debug)]
struct RootSampler(Sampler);

impl ShouldSample for RootSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let is_linked = links.iter().any(|link| link.span_context.is_sampled());
        let decide = |sampler: &Sampler| {
            sampler.should_sample(parent, trace_id, name, kind, attributes, links)
        };
        if is_linked { decide(&Sampler::AlwaysOn) } else { decide(&self.0) }
    }
}
