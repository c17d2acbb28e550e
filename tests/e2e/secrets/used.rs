//! What a scenario used, and what it was told.
//!
//! Fed by everything that is done with secrets; feeds the search for them. Guarantees that
//! every secret that was noted here is looked for, and in every answer that was.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postrider_tests::receiver::Receiver;
use prost::Message;
use tonic::Status;

use super::needles::Needles;

/// Secrets and answers.
#[derive(Default)]
pub struct Used {
    pub needles: Needles,
    /// Answers that may hold no secret, as they came.
    pub told: Vec<Vec<u8>>,
    /// Subscriptions whose deliveries fail.
    pub failing: Vec<String>,
    /// Kept until the end, beside the stage's.
    pub receivers: Vec<Receiver>,
}

impl Used {
    pub fn secret(&mut self, text: &str) -> String {
        self.needles.add(text);
        text.to_owned()
    }

    pub fn whsec(&mut self, bytes: &[u8]) -> String {
        self.secret(&format!("whsec_{}", STANDARD.encode(bytes)))
    }

    pub fn tell(&mut self, answer: &impl Message) {
        self.told.push(answer.encode_to_vec());
    }

    pub fn tell_error(&mut self, error: &Status) {
        self.told.push(format!("{error:?}").into_bytes());
        self.told.push(error.details().to_vec());
    }

    pub fn found(&self) -> Vec<String> {
        let told = self.told.iter();
        told.flat_map(|bytes| self.needles.found_in("an answer", bytes)).collect()
    }
}
