"""What Helm installs: releases in order of need, planned against what is live, applied once."""
