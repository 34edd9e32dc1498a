import numpy as np

from dqn_zoo_ext.report.pictures import beside, enlarged, glowing, newest_frame, whole_stack

STACK = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def test_the_newest_frame_is_the_last_in_gray() -> None:
    picture = newest_frame(STACK)
    assert picture.shape == (3, 4, 3)
    for channel in range(3):
        np.testing.assert_array_equal(picture[:, :, channel], STACK[1])


def test_a_stack_lies_in_a_row_the_oldest_on_the_left() -> None:
    picture = whole_stack(STACK)
    assert picture.shape == (3, 9, 3)
    np.testing.assert_array_equal(picture[:, :4, 0], STACK[0])
    np.testing.assert_array_equal(picture[:, 5:, 2], STACK[1])
    assert (picture[:, 4] == 24).all()


def test_the_glow_is_amber_and_as_strong_as_the_heat() -> None:
    picture = np.full((1, 3, 3), 100, dtype=np.uint8)
    glow = glowing(picture, np.array([[0.0, 1.0, 9.0]], dtype=np.float32), brightest=2.0)
    # 100 (1 - 0.75 share) + (255, 170, 0) 0.75 share, for shares of 0, 1/2 and 1
    assert glow[0].tolist() == [[100, 100, 100], [158, 126, 62], [216, 152, 25]]
    assert (glowing(picture, np.zeros((1, 3), dtype=np.float32), brightest=0.0) == picture).all()


def test_enlarged_pixels_are_blocks() -> None:
    picture = np.array([[[0] * 3, [255] * 3]], dtype=np.uint8)
    big = enlarged(picture, 4)
    assert big.shape == (4, 8, 3)
    assert (big[:, :4] == 0).all()
    assert (big[:, 4:] == 255).all()


def test_pictures_of_different_heights_lie_beside_each_other() -> None:
    whole = beside([np.zeros((2, 2, 3), np.uint8), np.full((4, 1, 3), 255, np.uint8)], gap=2)
    assert whole.shape == (4, 5, 3)
    assert (whole[:2, :2] == 0).all()
    assert (whole[2:, :4] == 24).all()
    assert (whole[:, 4] == 255).all()
