#pragma once
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Macros that Swift can't call.

static inline void m3agg_bio_should_read(BIO *bio) { BIO_set_retry_read(bio); }
static inline void m3agg_bio_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }
static inline void m3agg_set_no_resumption_no_renegotiation(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
}
static inline int m3agg_set_min_version(SSL_CTX *context) {
    return (int)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}
static inline void m3agg_set_mode(SSL_CTX *context, long mode) { SSL_CTX_set_mode(context, mode); }
static inline void m3agg_set_session_cache_off(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}
static inline int m3agg_set_server_name(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}
static inline int m3agg_error_library(unsigned long error) { return ERR_GET_LIB(error); }
