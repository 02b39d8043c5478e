//! The error response of the function.

use lambda_runtime::Diagnostic;

use crate::rotation::RotationError;

/// The response `{"errorType": …, "errorMessage": …}`: message, correlation id and hint. Causes are logged only.
#[derive(Debug)]
pub struct FunctionError(pub RotationError);

impl From<FunctionError> for Diagnostic {
    fn from(FunctionError(error): FunctionError) -> Self {
        Self { error_type: error.kind().name().to_owned(), error_message: format!("{error} (hint: {})", error.hint()) }
    }
}
