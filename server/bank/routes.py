"""All pages of the item bank, under /bank."""

from fastapi import APIRouter

from server.bank import (
    batch_routes,
    blueprint_routes,
    case_routes,
    editor_routes,
    enemy_routes,
    expert_routes,
    export_routes,
    home_routes,
    import_routes,
    item_routes,
    paper_routes,
    passport_routes,
    quarantine_routes,
    review_routes,
    settings_routes,
    syllabus_edit_routes,
    syllabus_routes,
    task_routes,
    twin_routes,
)

router = APIRouter()
for module in (
    home_routes,
    item_routes,
    editor_routes,
    case_routes,
    review_routes,
    task_routes,
    settings_routes,
    syllabus_routes,
    syllabus_edit_routes,
    import_routes,
    batch_routes,
    export_routes,
    blueprint_routes,
    enemy_routes,
    paper_routes,
    passport_routes,
    expert_routes,
    twin_routes,
    quarantine_routes,
):
    router.include_router(module.router, prefix="/bank")
