"""Amazon SageMaker's container contract: training and serving under one root folder."""
