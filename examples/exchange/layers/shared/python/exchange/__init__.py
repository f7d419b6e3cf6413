"""What the functions of the exchange share. Deployed as a layer, so that each function stays small."""
