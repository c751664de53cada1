"""Slow float64 forms of what WGAN and WGAN-GP compute, written without TensorFlow."""

import numpy as np


def gradient_penalty(critic, real, fake, positions, step=1e-6):
    """mean (‖∇D(x̂)‖₂ − 1)², every derivative by a central difference of its own.

    Args:
        critic: Function from one image `(height, width, channels)` to a number.
        real, fake: Float64 arrays `(batch_size, height, width, channels)`.
        positions: Array `(batch_size,)`: the share of the real image in each mixture.
        step: Float. Half the distance of a difference.
    """
    penalties = []
    for index, position in enumerate(positions):
        between = position * real[index] + (1 - position) * fake[index]
        squares = 0.0
        for place in np.ndindex(between.shape):
            up, down = between.copy(), between.copy()
            up[place] += step
            down[place] -= step
            squares += ((critic(up) - critic(down)) / (2 * step)) ** 2
        penalties.append((np.sqrt(squares) - 1) ** 2)
    return np.mean(penalties)


def rmsprop(weight, gradients, learning_rate, decay, epsilon):
    """RMSProp as in the program of the WGAN's authors: the constant is added to the root.

    Args:
        weight: Number, the initial value.
        gradients: List of numbers, one per update.
        learning_rate, decay, epsilon: Numbers.
    """
    mean_square = 0.0
    for gradient in gradients:
        mean_square = decay * mean_square + (1 - decay) * gradient * gradient
        weight = weight - learning_rate * gradient / (np.sqrt(mean_square) + epsilon)
    return weight


def warmup_turns(num_steps, critic_updates_per_step, long_turn, first, period):
    """Generator updates done after each training step of the warm-up.

    Args:
        num_steps: Integer.
        critic_updates_per_step: Integer.
        long_turn: Integer. Critic updates before one of the `first` generator updates,
            or before one whose number (from 0) is a multiple of `period`.
    """
    done, waiting, turns = 0, 0, []
    for _ in range(num_steps):
        for _ in range(critic_updates_per_step):
            waiting += 1
        wanted = long_turn if done < first or done % period == 0 else critic_updates_per_step
        if waiting >= wanted:
            done, waiting = done + 1, 0
        turns.append(done)
    return turns
