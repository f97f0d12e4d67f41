"""OpenCV's dnn module."""

import cv2
from common import serve


def load(model):
    net = cv2.dnn.readNetFromONNX(model)

    def run(image, mask):
        net.setInput(image, "image")
        net.setInput(mask, "mask")
        return net.forward("result")

    return run


if __name__ == "__main__":
    serve(load, "opencv-python-headless", "numpy")
