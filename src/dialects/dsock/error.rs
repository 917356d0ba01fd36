//! The errors of the API: one table of code, status and message.

use std::borrow::Cow;

use crate::limits::Limit;
use crate::protocol::http_response::Refusal;

macro_rules! errors {
    ($($variant:ident($code:literal, $status:literal, $message:literal);)+) => {
        /// What went wrong, in the words of the API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(
                #[doc = $message]
                $variant,
            )+
        }

        impl ErrorCode {
            /// All errors.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The `errorCode`.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// The status of the answer.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$variant => $status,)+
                }
            }

            /// The `error`, where nothing more can be said.
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$variant => $message,)+
                }
            }
        }
    };
}

errors! {
    InvalidAuthorization("INVALID_AUTHORIZATION", 400, "Invalid authorization");
    UserIdRequired("USER_ID_REQUIRED", 400, "User ID is required");
    InvalidExpiration("INVALID_EXPIRATION", 400, "Error parsing expiration (must be a integer)");
    NegativeExpiration("NEGATIVE_EXPIRATION", 400, "Can not use 0 or negative expiration");
    InvalidDuration("INVALID_DURATION", 400, "Could not parse duration (must be a integer)");
    NegativeDuration("NEGATIVE_DURATION", 400, "Can not use 0 or negative duration");
    ClaimIdAlreadyUsed("CLAIM_ID_ALREADY_USED", 400, "Claim ID is already used");
    ErrorCheckingClaim("ERROR_CHECKING_CLAIM", 500, "Error checking if claim already exists");
    MissingAuthentication("MISSING_AUTHENTICATION", 400, "Did not provide an authentication method");
    MissingClaim("MISSING_CLAIM", 400, "Could not find claim");
    ExpiredClaim("EXPIRED_CLAIM", 400, "Claim has expired");
    ErrorGettingClaim("ERROR_GETTING_CLAIM", 500, "Error getting claim");
    InvalidJwt("INVALID_JWT", 400, "Could not validate JWT");
    MissingTarget("MISSING_TARGET", 400, "Missing target");
    MissingConnectionOrUser("MISSING_CONNECTION_OR_USER", 400, "Connection ID or user ID is missing");
    InvalidMessageType("INVALID_MESSAGE_TYPE", 400, "Invalid message type, must be text or binary");
    ErrorBindingQueryParams("ERROR_BINDING_QUERY_PARAMS", 400, "Error binding query params");
    TargetTooLarge("TARGET_TOO_LARGE", 400, "Target has too many claims and connections to tell of");
    TooManyClaims("TOO_MANY_CLAIMS", 503, "Too many claims");
    TooManyConnections("TOO_MANY_CONNECTIONS", 429, "Too many connections");
    ErrorGettingConnection("ERROR_GETTING_CONNECTION", 500, "Error getting connection");
    ErrorGettingUser("ERROR_GETTING_USER", 500, "Error getting user");
    ErrorGettingChannel("ERROR_GETTING_CHANNEL", 500, "Error getting channel");
    ErrorGettingWorker("ERROR_GETTING_WORKER", 500, "Error getting worker");
    ErrorReachingWorker("ERROR_REACHING_WORKER", 500, "Error reaching worker");
    ErrorDeliveringMessaging("ERROR_DELIVERING_MESSAGING", 500, "Error delivering message");
    ErrorReadingMessage("ERROR_READING_MESSAGE", 500, "Error reading message");
    ErrorMarshallingMessage("ERROR_MARSHALLING_MESSAGE", 500, "Error marshalling message");
    BadRequest("BAD_REQUEST", 400, "Bad request");
    BodyTooLarge("BODY_TOO_LARGE", 413, "Body is too large");
    TooManyRequests("TOO_MANY_REQUESTS", 429, "Too many requests");
    HeadersTooLarge("HEADERS_TOO_LARGE", 431, "Headers are too large");
    NotImplemented("NOT_IMPLEMENTED", 501, "Not implemented");
    ServiceUnavailable("SERVICE_UNAVAILABLE", 503, "Service unavailable");
    HttpVersionNotSupported("HTTP_VERSION_NOT_SUPPORTED", 505, "HTTP version is not supported");
}

/// An error with what more can be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// Which one.
    pub code: ErrorCode,
    /// What the client is told.
    pub message: Cow<'static, str>,
    /// The limit that was passed, if it was one.
    pub limit: Option<Limit>,
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self {
            code,
            message: code.message().into(),
            limit: None,
        }
    }
}

impl ApiError {
    /// The error with a message of its own.
    pub fn with_message(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            message: message.into(),
            ..code.into()
        }
    }

    /// The error for what was refused before a call began. The limit is counted already.
    pub fn of_refusal(refusal: &Refusal) -> Self {
        let code = match (refusal.status, refusal.limit) {
            (_, Some(Limit::ConnectionsPerAddress)) => ErrorCode::TooManyConnections,
            (413, _) => ErrorCode::BodyTooLarge,
            (429, _) => ErrorCode::TooManyRequests,
            (431, _) => ErrorCode::HeadersTooLarge,
            (501, _) => ErrorCode::NotImplemented,
            (505, _) => ErrorCode::HttpVersionNotSupported,
            (500.., _) => ErrorCode::ServiceUnavailable,
            _ => ErrorCode::BadRequest,
        };
        Self::with_message(code, format!("{}: {}", code.message(), refusal.reason))
    }

    /// The error for passing a limit, which is named.
    pub fn over_limit(code: ErrorCode, limit: Limit) -> Self {
        Self {
            message: format!("{}: {}", code.message(), limit.reason()).into(),
            limit: Some(limit),
            code,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_error_has_a_code_of_its_own_and_a_status_of_an_error() {
        let mut codes = HashSet::new();
        for error in ErrorCode::ALL {
            assert!(codes.insert(error.code()), "{error:?}");
            assert!((400..600).contains(&error.status()), "{error:?}");
            assert!(!error.message().is_empty(), "{error:?}");
        }
    }
}
