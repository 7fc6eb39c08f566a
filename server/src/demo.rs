//! What the tasks of the demo call: this server itself, so that a newcomer sees runs that end well without a program of
//! their own. Only there when the node was started with the demo.

use crate::AppState;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

/// The path that the demo's tasks call.
pub const RECEIVER: &str = "/demo/receiver";

/// The receiver.
pub fn router() -> Router<AppState> {
    Router::new().route(RECEIVER, post(receive))
}

async fn receive(Json(call): Json<Value>) -> Json<Value> {
    Json(json!({ "done": call.get("task_name"), "execution_id": call.get("execution_id") }))
}
