import numpy as np
import pytest
import torch

from sk_dann.training import network_dtype, resolve_device


def test_cpu_is_always_there():
    assert resolve_device("cpu") == resolve_device(torch.device("cpu")) == torch.device("cpu")


def test_auto_takes_an_accelerator_where_there_is_one():
    expected = "cpu"
    if torch.cuda.is_available():
        expected = "cuda"
    elif torch.backends.mps.is_available():
        expected = "mps"
    assert resolve_device("auto").type == expected


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "xpu:7", "", "cpu:banana"])
def test_what_is_not_there_is_refused_by_name(device):
    with pytest.raises(ValueError, match=r"device=.*not available.*Use device=\"auto\""):
        resolve_device(device)


def test_networks_compute_in_the_dtype_of_the_data_where_the_device_can():
    cpu, mps = torch.device("cpu"), torch.device("mps")
    assert network_dtype(np.dtype("float64"), cpu) == torch.float64
    assert network_dtype(np.dtype("float32"), cpu) == torch.float32
    assert network_dtype(np.dtype("float64"), mps) == torch.float32
