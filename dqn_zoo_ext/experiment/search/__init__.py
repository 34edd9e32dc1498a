"""The search for hyperparameters: an Optuna study whose trials are trainings."""
