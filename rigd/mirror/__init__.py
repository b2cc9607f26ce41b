"""The second volume: its writer's link, and who makes library and mirror agree."""
