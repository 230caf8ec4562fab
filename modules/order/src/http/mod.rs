//! The module's endpoints.

mod admin;
mod carrier;
mod cart;
mod changes;
mod documents;
mod edit;
mod methods;
mod orders;
mod problem;
mod promotion_body;
mod promotions;
mod returns;
mod saved;
mod shipments;
mod stream;
mod taxes;
mod versioned;
mod words;
mod zones;

use actix_web::web;
use utoipa::OpenApi;

use crate::Orders;

pub(crate) fn routes(orders: &Orders, config: &mut web::ServiceConfig) {
    config
        .app_data(web::Data::new(orders.clone()))
        .route("/v1/cart", web::get().to(cart::show))
        .route("/v1/cart/lines", web::post().to(cart::add_line))
        .route("/v1/cart/lines/{id}", web::patch().to(cart::change_line))
        .route("/v1/cart/lines/{id}", web::delete().to(cart::remove_line))
        .route("/v1/cart/coupon", web::put().to(cart::set_coupon))
        .route("/v1/cart/quote", web::post().to(cart::quote))
        .route("/v1/cart/saved", web::get().to(saved::list))
        .route("/v1/cart/saved", web::post().to(saved::save))
        .route("/v1/cart/saved/{id}", web::delete().to(saved::delete))
        .route("/v1/cart/saved/{id}/restore", web::post().to(saved::restore))
        .route("/v1/orders", web::post().to(orders::place))
        .route("/v1/orders", web::get().to(orders::list))
        .route("/v1/orders/{id}", web::get().to(orders::show))
        .route("/v1/orders/{id}/stream", web::get().to(stream::stream))
        .route("/v1/orders/{id}/timeline", web::get().to(orders::timeline))
        .route("/v1/orders/{id}/cancel", web::post().to(orders::cancel))
        .route("/v1/orders/{id}/invoice.pdf", web::get().to(documents::own_invoice))
        .route("/v1/orders/{id}/returns", web::get().to(returns::list))
        .route("/v1/orders/{id}/returns", web::post().to(returns::request))
        .route("/v1/orders/{id}/returns/{return_id}/withdraw", web::post().to(returns::withdraw))
        .route("/v1/orders/{id}/returns/{return_id}/pay", web::post().to(returns::pay))
        .route("/v1/admin/returns", web::get().to(returns::search))
        .route("/v1/admin/returns/{id}/approve", web::post().to(returns::approve))
        .route("/v1/admin/returns/{id}/reject", web::post().to(returns::reject))
        .route("/v1/admin/returns/{id}/receive", web::post().to(returns::receive))
        .route("/v1/admin/returns/{id}/inspect", web::post().to(returns::inspect))
        .route("/v1/admin/orders", web::get().to(admin::list))
        .route("/v1/admin/orders/{id}", web::get().to(admin::show))
        .route("/v1/admin/orders/{id}/timeline", web::get().to(admin::timeline))
        .route("/v1/admin/orders/{id}/ship", web::post().to(admin::ship))
        .route("/v1/admin/orders/{id}/deliver", web::post().to(admin::deliver))
        .route("/v1/admin/orders/{id}/cancel", web::post().to(admin::cancel))
        .route("/v1/admin/orders/{id}/cancel-lines", web::post().to(changes::cancel_lines))
        .route("/v1/admin/orders/{id}/changes", web::get().to(changes::list))
        .route("/v1/admin/orders/{id}/refund", web::post().to(changes::refund))
        .route("/v1/admin/orders/{id}/edit", web::post().to(edit::edit))
        .route("/v1/admin/orders/{id}/shipments", web::post().to(shipments::ship))
        .route("/v1/admin/orders/{id}/invoice.pdf", web::get().to(documents::any_invoice))
        .route("/v1/admin/shipments/{id}/packing-slip.pdf", web::get().to(documents::slip))
        .route("/v1/admin/shipments/{id}/deliver", web::post().to(shipments::deliver))
        .route("/v1/admin/shipments/{id}/lost", web::post().to(shipments::lose))
        .route("/v1/admin/shipments/{id}/resolve", web::post().to(carrier::resolve))
        .route("/v1/admin/shipments/exceptions", web::get().to(carrier::exceptions))
        .route("/v1/admin/shipments/carrier-events", web::get().to(carrier::events))
        .route("/v1/admin/shipments/carrier-events/{id}/retry", web::post().to(carrier::retry))
        .route("/v1/webhooks/carrier", web::post().to(carrier::receive))
        .route("/v1/admin/promotions", web::get().to(promotions::list))
        .route("/v1/admin/promotions", web::post().to(promotions::create))
        .route("/v1/admin/promotions/{code}", web::get().to(promotions::show))
        .route("/v1/admin/promotions/{code}", web::put().to(promotions::replace))
        .route("/v1/admin/promotions/{code}/activate", web::post().to(promotions::activate))
        .route("/v1/admin/promotions/{code}/deactivate", web::post().to(promotions::deactivate))
        .route("/v1/admin/tax-rates", web::get().to(taxes::list))
        .route("/v1/admin/tax-rates", web::post().to(taxes::create))
        .route("/v1/admin/tax-rates/{id}", web::get().to(taxes::show))
        .route("/v1/admin/tax-rates/{id}", web::put().to(taxes::change))
        .route("/v1/admin/tax-rates/{id}", web::delete().to(taxes::delete))
        .route("/v1/admin/shipping/zones", web::get().to(zones::list))
        .route("/v1/admin/shipping/zones", web::post().to(zones::create))
        .route("/v1/admin/shipping/zones/{code}", web::get().to(zones::show))
        .route("/v1/admin/shipping/zones/{code}", web::put().to(zones::replace))
        .route("/v1/admin/shipping/zones/{code}", web::delete().to(zones::delete))
        .route("/v1/admin/shipping/methods", web::get().to(methods::list))
        .route("/v1/admin/shipping/methods", web::post().to(methods::create))
        .route("/v1/admin/shipping/methods/{code}", web::get().to(methods::show))
        .route("/v1/admin/shipping/methods/{code}", web::put().to(methods::replace))
        .route("/v1/admin/shipping/methods/{code}", web::delete().to(methods::delete));
}

#[derive(OpenApi)]
#[openapi(paths(
    cart::show,
    cart::add_line,
    cart::change_line,
    cart::remove_line,
    cart::set_coupon,
    cart::quote,
    saved::list,
    saved::save,
    saved::restore,
    saved::delete,
    orders::place,
    orders::list,
    orders::show,
    orders::timeline,
    stream::stream,
    orders::cancel,
    admin::list,
    admin::show,
    admin::timeline,
    admin::ship,
    admin::deliver,
    admin::cancel,
    changes::cancel_lines,
    changes::list,
    changes::refund,
    edit::edit,
    returns::list,
    returns::request,
    returns::withdraw,
    returns::pay,
    returns::search,
    returns::approve,
    returns::reject,
    returns::receive,
    returns::inspect,
    documents::own_invoice,
    documents::any_invoice,
    documents::slip,
    shipments::ship,
    shipments::deliver,
    shipments::lose,
    carrier::receive,
    carrier::exceptions,
    carrier::resolve,
    carrier::events,
    carrier::retry,
    promotions::list,
    promotions::create,
    promotions::show,
    promotions::replace,
    promotions::activate,
    promotions::deactivate,
    taxes::list,
    taxes::show,
    taxes::create,
    taxes::change,
    taxes::delete,
    zones::list,
    zones::show,
    zones::create,
    zones::replace,
    zones::delete,
    methods::list,
    methods::show,
    methods::create,
    methods::replace,
    methods::delete,
))]
struct Api;

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
