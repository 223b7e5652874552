//! What a call asks to be changed, whichever RPC it came by, as it is remembered until it is done.

use prost::Message as _;

use crate::proto::downstream::v1::{
    EraseRequest, ObjectRequest, RectifyRequest, RestrictRequest, Subject, WithdrawConsentRequest,
};

macro_rules! work {
    ($($Rpc:ident($Request:ident) = $name:literal,)*) => {
        /// One changing call.
        pub(super) enum Work {
            $($Rpc($Request),)*
        }

        impl Work {
            /// The idempotency key.
            pub(super) fn task_id(&self) -> &str {
                match self { $(Self::$Rpc(request) => &request.task_id,)* }
            }

            /// Whose data.
            pub(super) fn subject(&self) -> Option<&Subject> {
                match self { $(Self::$Rpc(request) => request.subject.as_ref(),)* }
            }

            /// Whether it only asks what would be.
            pub(super) fn dry_run(&self) -> bool {
                match self { $(Self::$Rpc(request) => request.dry_run,)* }
            }

            /// The name of its RPC.
            pub(super) fn rpc(&self) -> &'static str {
                match self { $(Self::$Rpc(_) => $name,)* }
            }

            /// The request as bytes.
            pub(super) fn encode(&self) -> Vec<u8> {
                match self { $(Self::$Rpc(request) => request.encode_to_vec(),)* }
            }

            /// What [`Self::encode`] wrote for this RPC.
            pub(super) fn decode(rpc: &str, bytes: &[u8]) -> Option<Self> {
                match rpc {
                    $($name => $Request::decode(bytes).ok().map(Self::$Rpc),)*
                    _ => None,
                }
            }
        }

        $(impl From<$Request> for Work {
            fn from(request: $Request) -> Self {
                Self::$Rpc(request)
            }
        })*
    };
}

work! {
    Erase(EraseRequest) = "Erase",
    Rectify(RectifyRequest) = "Rectify",
    Restrict(RestrictRequest) = "Restrict",
    Object(ObjectRequest) = "Object",
    WithdrawConsent(WithdrawConsentRequest) = "WithdrawConsent",
}
