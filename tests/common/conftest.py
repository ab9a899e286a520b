from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

from common.settings import state_dir

settings.register_profile("plaza", deadline=None, database=None)
settings.load_profile("plaza")
set_hypothesis_home_dir(state_dir() / "hypothesis")  # else it writes into the checkout
