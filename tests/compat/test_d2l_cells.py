"""What the cells of sections 19.1 and 19.2 do, in words of our own, on few images."""

import numpy as np
import pytest
from scipy import stats

torch = pytest.importorskip("torch")

from rung.compat import d2l  # noqa: E402

pytestmark = pytest.mark.usefixtures("small_fashion_mnist")


class ReadersTrainer(d2l.Trainer):
    """A reader's own trainer, on nothing but what the book's one uses."""

    def validation_error(self):
        self.model.eval()
        shares = []
        for batch in self.val_dataloader:
            with torch.no_grad():
                x, y = self.prepare_batch(batch)
                shares.append(self.model.accuracy(self.model(x), y))
        return 1 - sum(shares) / len(shares)


def softmax_error(config, max_epochs=8, trainer_class=d2l.HPOTrainer):
    trainer = trainer_class(max_epochs=max_epochs)
    data = d2l.FashionMNIST(batch_size=16)
    model = d2l.SoftmaxRegression(num_outputs=10, lr=config["learning_rate"])
    trainer.fit(model=model, data=data)
    return trainer.validation_error().detach().numpy()


@pytest.mark.parametrize("trainer_class", [ReadersTrainer, d2l.HPOTrainer])
def test_section_19_1_random_search_by_hand(trainer_class):
    config_space = {"learning_rate": stats.loguniform(1e-4, 1)}
    np.random.seed(1)  # noqa: NPY002, TID251  the book draws by rvs(), which listens to it
    torch.manual_seed(1)
    errors, values = [], []
    for _ in range(3):
        learning_rate = config_space["learning_rate"].rvs()
        values.append(learning_rate)
        errors.append(softmax_error({"learning_rate": learning_rate}, 2, trainer_class))
    best = np.argmin(errors)
    assert 1e-4 <= values[best] <= 1
    assert errors[best] < 0.4


def test_section_19_2_random_search_by_the_tuner():
    config_space = {"learning_rate": stats.loguniform(1e-2, 1), "batch_size": stats.randint(32, 256)}
    initial_config = {"learning_rate": 0.1, "batch_size": 128}

    def objective(learning_rate, batch_size, max_epochs=1):
        return d2l.hpo_objective_lenet(learning_rate, batch_size, max_epochs)

    searcher = d2l.RandomSearcher(config_space, initial_config=initial_config)
    scheduler = d2l.BasicScheduler(searcher=searcher)
    tuner = d2l.HPOTuner(scheduler=scheduler, objective=objective)
    tuner.run(number_of_trials=2)

    board = d2l.ProgressBoard(xlabel="time", ylabel="error")
    for time_stamp, error in zip(tuner.cumulative_runtime, tuner.incumbent_trajectory, strict=True):
        board.draw(time_stamp, error, "random search", every_n=1)
    assert len(board.data["random search"]) == 2
    assert tuner.records[0]["config"] == initial_config
    assert 0 <= tuner.incumbent_error <= 1


def test_section_19_2_written_by_the_reader():
    class HPOTuner(d2l.HyperParameters):
        def __init__(self, scheduler, objective):
            self.save_hyperparameters()
            self.errors = []

    @d2l.add_to_class(HPOTuner)
    def run(self, number_of_trials):
        for _ in range(number_of_trials):
            config = self.scheduler.suggest()
            error = float(d2l.numpy(self.objective(**config).cpu()))
            self.scheduler.update(config, error)
            self.errors.append(error)

    def lenet_error(learning_rate, batch_size, max_epochs=1):
        model = d2l.LeNet(lr=learning_rate, num_classes=10)
        trainer = d2l.HPOTrainer(max_epochs=max_epochs, num_gpus=1)
        data = d2l.FashionMNIST(batch_size=batch_size)
        model.apply_init([next(iter(data.get_dataloader(True)))[0]], d2l.init_cnn)
        trainer.fit(model=model, data=data)
        return trainer.validation_error()

    searcher = d2l.RandomSearcher(
        {"learning_rate": stats.loguniform(1e-2, 1), "batch_size": stats.randint(32, 64)}
    )
    tuner = HPOTuner(d2l.BasicScheduler(searcher), lenet_error)
    tuner.run(1)
    assert 0 <= tuner.errors[0] <= 1


def test_one_sixth_of_the_training_images_validates_and_the_split_is_fixed(small_fashion_mnist):
    first, second = d2l.FashionMNIST(batch_size=16), d2l.FashionMNIST(batch_size=64)
    assert len(first.val[1]) == 333
    assert len(first.train[1]) == 1667
    assert torch.equal(first.val[0], second.val[0])
    parts = torch.cat([first.train[0], first.val[0]]).flatten(1).sum(1).sort().values
    whole = torch.from_numpy(small_fashion_mnist.train_x).flatten(1).sum(1).sort().values
    assert torch.equal(parts, whole)


def test_batches_have_the_books_shape_and_range():
    data = d2l.FashionMNIST(batch_size=500)
    batches = list(data.train_dataloader())
    assert len(batches) == len(data.train_dataloader()) == 4
    X, y = batches[0]
    assert X.shape == (500, 1, 28, 28)
    assert X.dtype == torch.float32
    assert X.min() == 0
    assert 0.9 < X.max() <= 1
    assert y.dtype == torch.int64


def test_training_batches_are_shuffled_anew_and_validation_batches_are_not():
    data = d2l.FashionMNIST(batch_size=2000)

    def labels(loader):
        return next(iter(loader))[1]

    train, val = data.get_dataloader(True), data.get_dataloader(False)
    assert not torch.equal(labels(train), labels(train))
    assert torch.equal(labels(val), labels(val))


def test_resize_and_a_model_on_the_larger_images():
    data = d2l.FashionMNIST(batch_size=8, resize=(32, 32))
    X = next(iter(data.val_dataloader()))[0]
    assert X.shape == (8, 1, 32, 32)
    assert 0 <= X.min() <= X.max() <= 1
    assert d2l.SoftmaxRegression(num_outputs=10, lr=0.1)(X).shape == (8, 10)


def test_validation_error_counts_every_image_alike():
    """The mean over batches, as in the book, would count the images of a short last batch more."""
    data = d2l.FashionMNIST(batch_size=100)
    model = d2l.SoftmaxRegression(num_outputs=10, lr=0.1)
    trainer = d2l.HPOTrainer(max_epochs=1)
    trainer.fit(model, data)
    right = sum((model(X).argmax(1) == y).sum() for X, y in data.val_dataloader())
    assert trainer.validation_error().item() == pytest.approx(1 - right.item() / 333)


def test_training_draws_the_three_curves():
    torch.manual_seed(0)
    model = d2l.SoftmaxRegression(num_outputs=10, lr=0.01)
    d2l.Trainer(max_epochs=3).fit(model, d2l.FashionMNIST(batch_size=64))
    lengths = {label: len(points) for label, points in model.board.data.items()}
    assert lengths["val_loss"] == lengths["val_acc"] == 3
    assert lengths["train_loss"] == 6
    assert model.board.data["val_loss"][0][1] > model.board.data["val_loss"][-1][1]


def test_a_clipped_gradient_moves_the_weights_less():
    def distance(clip):
        torch.manual_seed(0)
        model = d2l.SoftmaxRegression(num_outputs=10, lr=1.0)
        model.apply_init([torch.zeros(1, 1, 28, 28)])
        before = model.net[1].weight.detach().clone()
        d2l.Trainer(max_epochs=1, gradient_clip_val=clip).fit(model, d2l.FashionMNIST(batch_size=500))
        return (model.net[1].weight - before).norm().item()

    assert distance(0.01) <= 4 * 0.01 + 1e-6 < distance(0)


def test_base_classes_leave_the_work_to_their_subclasses():
    with pytest.raises(NotImplementedError):
        d2l.DataModule().train_dataloader()
    with pytest.raises(NotImplementedError):
        d2l.Module().loss(None, None)


def test_a_regression_can_be_trained_too():
    """Module and DataModule are enough for a reader's own model."""

    class Noise(d2l.DataModule):
        def get_dataloader(self, train):
            x = torch.linspace(0, 1, 20).unsqueeze(1)
            return [(x, 2 * x)]

    class Line(d2l.Module):
        def __init__(self, lr):
            super().__init__()
            self.save_hyperparameters()
            self.net = torch.nn.Linear(1, 1)

        def loss(self, y_hat, y):
            return ((y_hat - y) ** 2).mean()

    model = Line(lr=0.5)
    d2l.Trainer(max_epochs=60).fit(model, Noise())
    assert model.net.weight.item() == pytest.approx(2, abs=0.1)
