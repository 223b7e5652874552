//! TLS on both sides: our certificate and the authorities we trust, reloaded when their files change, and who is at the other
//! end. The only home of rustls.
