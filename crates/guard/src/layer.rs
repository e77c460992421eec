//! The guard in front of a service.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower::{Layer, Service};

use crate::{Denied, Guard};

/// Puts a [`Guard`] in front of a service: only calls with a verified token come through, and the service finds the
/// [`crate::Caller`] among the request's extensions. How a refusal looks is the API's own choice.
#[derive(Clone, Debug)]
pub struct GuardLayer {
    guard: Arc<Guard>,
}

impl GuardLayer {
    pub(crate) fn new(guard: Arc<Guard>) -> Self {
        Self { guard }
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> GuardService<S> {
        GuardService { guard: Arc::clone(&self.guard), inner }
    }
}

/// A service behind a [`Guard`].
#[derive(Clone, Debug)]
pub struct GuardService<S> {
    guard: Arc<Guard>,
    inner: S,
}

impl<S, Body, ResponseBody> Service<Request<Body>> for GuardService<S>
where
    S: Service<Request<Body>, Response = Response<ResponseBody>> + Clone + Send + 'static,
    S::Future: Send,
    Body: Send + 'static,
    ResponseBody: Default,
{
    type Response = Response<ResponseBody>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let guard = Arc::clone(&self.guard);
        // The clone that was polled to be ready is the one that is called.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        Box::pin(async move {
            match guard.authenticate(request.headers()).await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    inner.call(request).await
                }
                Err(denied) => Ok(refusal(denied)),
            }
        })
    }
}

/// A bare refusal. The reason travels as an extension, for an outer layer that gives it the API's own shape.
fn refusal<Body: Default>(denied: Denied) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = denied.status();
    response.extensions_mut().insert(Arc::new(denied));
    response
}
