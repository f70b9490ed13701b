"""For all tests: what a property test may take is the suite's time limit to judge, not a clock of its own."""

from hypothesis import HealthCheck, settings

# A busy machine makes a deadline or a health check fail tests that have nothing to do with speed.
settings.register_profile("fontmill", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fontmill")
