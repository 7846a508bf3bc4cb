//! Every address of the service, a line each.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    Service, analyses, batches, create, document, events, files, generations, keys, meta, models,
    outputs, page, plans, shares, speech, sugar,
};

/// What the form around an upload may add to its size, in bytes.
const FORM_BYTES: u64 = 64 << 10;

fn api() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new()
        .routes(routes!(create::create, generations::list))
        .routes(routes!(create::put, generations::read, generations::delete))
        .routes(routes!(generations::cancel))
        .routes(routes!(events::events))
        .routes(routes!(outputs::audio))
        .routes(routes!(outputs::peaks))
        .routes(routes!(outputs::mel))
        .routes(routes!(outputs::controls))
        .routes(routes!(outputs::midi))
        .routes(routes!(sugar::variations))
        .routes(routes!(sugar::extend))
        .routes(routes!(sugar::inpaint))
        .routes(routes!(sugar::make_loop))
        .routes(routes!(plans::plan))
        .routes(routes!(analyses::analyse))
        .routes(routes!(files::upload, files::list))
        .routes(routes!(files::read, files::delete))
        .routes(routes!(batches::create, batches::list))
        .routes(routes!(batches::read))
        .routes(routes!(batches::results))
        .routes(routes!(models::list))
        .routes(routes!(models::read))
        .routes(routes!(models::load))
        .routes(routes!(models::unload))
        .routes(routes!(speech::speech))
        .routes(routes!(shares::create))
        .routes(routes!(shares::delete))
        .routes(routes!(shares::page))
        .routes(routes!(shares::audio))
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::delete))
        .routes(routes!(keys::usage))
        .routes(routes!(meta::live))
        .routes(routes!(meta::ready))
        .routes(routes!(meta::health))
        .routes(routes!(meta::metrics))
        .routes(routes!(meta::info))
        .routes(routes!(meta::version))
        .routes(routes!(meta::problem))
}

/// The description of the interface as it is generated from the handlers.
pub(super) fn described() -> utoipa::openapi::OpenApi {
    api().into_openapi()
}

/// The whole service as one handler of requests.
pub(crate) fn router(service: Arc<Service>) -> Router {
    let document = document::openapi(&service.app);
    let docs = document::page(&document);
    let text: Arc<str> = document.to_string().into();
    let html: Arc<str> = docs.into();
    let upload_bytes = service.app.limits.max_upload_bytes + FORM_BYTES;
    let edge = Arc::clone(&service.edge);
    let (routes, _) = api().split_for_parts();
    routes
        .route(
            "/openapi.json",
            get(move || served("application/json", text)),
        )
        .route(
            "/docs",
            get(move || served("text/html; charset=utf-8", html)),
        )
        .route(
            "/docs/style.css",
            get(|| served("text/css; charset=utf-8", document::STYLE.into())),
        )
        .fallback(page::page)
        .layer(DefaultBodyLimit::max(
            usize::try_from(upload_bytes).unwrap_or(usize::MAX),
        ))
        .layer(from_fn_with_state(edge, crate::edge::guard))
        .with_state(service)
}

/// What a process answers that only makes music: whether it is well, and what it counts.
pub(crate) fn probes(service: Arc<Service>) -> Router {
    let edge = Arc::clone(&service.edge);
    let (routes, _) = OpenApiRouter::new()
        .routes(routes!(meta::live))
        .routes(routes!(meta::ready))
        .routes(routes!(meta::health))
        .routes(routes!(meta::metrics))
        .routes(routes!(meta::version))
        .split_for_parts();
    routes
        .layer(from_fn_with_state(edge, crate::edge::guard))
        .with_state(service)
}

async fn served(
    kind: &'static str,
    text: Arc<str>,
) -> ([(header::HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, kind)], text.to_string())
}
