"""All pages of the registry, under /exams."""

from fastapi import APIRouter

from server.registry import override_routes, place_routes, roster_routes, session_routes

router = APIRouter()
router.include_router(place_routes.router)
router.include_router(roster_routes.router)
router.include_router(session_routes.router)
router.include_router(override_routes.router)
