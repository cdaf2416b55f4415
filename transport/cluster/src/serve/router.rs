//! Which request goes where.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;

use super::app::App;
use super::{Failure, admin, read, write};
use crate::api::{ProblemKind, header as names};

/// The service of one node.
pub(super) fn router(app: Arc<App>) -> Router {
    let kv = get(read::get_value)
        .put(write::put_value)
        .delete(write::delete_value);
    let leases = get(read::get_lease)
        .post(write::acquire)
        .put(write::renew)
        .delete(write::release);
    Router::new()
        .route("/v1/kv/{key}", kv)
        .route(
            "/v1/counters/{name}",
            get(read::get_counter).post(write::add),
        )
        .route("/v1/leases/{name}", leases)
        .route("/v1/status", get(admin::status))
        .route("/v1/faults", get(admin::get_faults).put(admin::put_faults))
        .route("/healthz", get(admin::health))
        .route("/metrics", get(admin::metrics))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

async fn not_found() -> Failure {
    Failure::new(
        ProblemKind::NotFound,
        "there is no such route; try /v1/kv/{key}, /v1/counters/{name}, /v1/leases/{name}, \
         /v1/status, /healthz or /metrics. A slash within a name is written %2F",
    )
}

async fn method_not_allowed() -> Failure {
    Failure::new(
        ProblemKind::MethodNotAllowed,
        "see the Allow header for the methods of this route",
    )
}

/// Around every request: counts it, and says which node answered.
///
/// How many there may be is bounded where they cost something: where bodies are read, and where
/// reads and writes begin. An operator's question is answered in any case.
async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let start = app.system_clock.now();
    let route = route_of(request.uri().path());
    let method = method_of(request.method());
    let mut response = next.run(request).await;
    response.headers_mut().insert(
        HeaderName::from_static(names::NODE),
        HeaderValue::from(app.id.0),
    );
    let took = app.system_clock.now().since(start);
    app.metrics
        .record(route, method, response.status().as_u16(), took);
    response
}

/// The pattern of a route, never the path itself: clients must not be able to make up labels.
fn route_of(path: &str) -> &'static str {
    const ROUTES: [(&str, &str); 7] = [
        ("/v1/kv/", "/v1/kv/{key}"),
        ("/v1/counters/", "/v1/counters/{name}"),
        ("/v1/leases/", "/v1/leases/{name}"),
        ("/v1/status", "/v1/status"),
        ("/v1/faults", "/v1/faults"),
        ("/healthz", "/healthz"),
        ("/metrics", "/metrics"),
    ];
    ROUTES
        .iter()
        .find(|(start, _)| path.starts_with(start))
        .map_or("other", |(_, route)| route)
}

fn method_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
